"""Intervals of shares, means and ratios over customers, in closed form."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from features.schema import FloatArray

LEVEL = 0.95
"""Confidence of the intervals unless said otherwise."""


def wilson(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's interval of a share, 0 to 1; all of it when there is nobody.

    Unlike the textbook's ``p ± z·se`` it neither leaves 0 to 1 nor shrinks to a point at the
    ends (Wilson, JASA 1927; Brown, Cai and DasGupta, Statistical Science 2001).

    Parameters
    ----------
    hits
        How many of the ``n`` customers count.
    level
        Confidence, between 0 and 1.
    """
    if n == 0:
        return 0.0, 1.0
    z = normal_quantile(level)
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # At the ends the formula is exact in the reals but not in floating point.
    lower = 0.0 if hits == 0 else max(0.0, middle - half)
    return lower, 1.0 if hits == n else min(1.0, middle + half)


def ratio_of_means(
    part: FloatArray, whole: FloatArray, level: float = LEVEL
) -> tuple[float, float, float]:
    """Return ``sum(part) / sum(whole)`` and its interval by linearisation.

    With a ``whole`` of ones it is the mean. The interval is NaN for a single customer, and
    everything is NaN where the whole sums to 0.

    Parameters
    ----------
    part, whole
        ``(n,)`` numbers of the same customers, each a draw of its own.
    """
    total = float(whole.sum())
    if part.size == 0 or total == 0:
        return math.nan, math.nan, math.nan
    value = float(part.sum()) / total
    if part.size == 1:
        return value, math.nan, math.nan
    spread = float(np.sqrt(np.sum((part - value * whole) ** 2) * part.size / (part.size - 1)))
    half = normal_quantile(level) * spread / abs(total)
    return value, value - half, value + half


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided normal interval reaches each way."""
    return float(norm.ppf((1 + level) / 2))
