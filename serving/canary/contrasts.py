"""Two groups of customers, one figure: each with its interval, and the difference with its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from tiering.population.intervals import LEVEL as LEVEL
from tiering.population.intervals import normal_quantile, wilson

SMALL = 30
"""Customers of a side below which nothing is said about a difference."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of some customers with its 95 % interval.

    Attributes
    ----------
    n
        Customers it rests on; with none of them everything is NaN.
    """

    value: float
    lower: float
    upper: float
    n: int

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it; what is not known is null."""
        return {
            "value": known(self.value),
            "lower": known(self.lower),
            "upper": known(self.upper),
            "n": self.n,
        }


def share_of(hits: int, n: int) -> Estimate:
    """Return a share, 0 to 1, with Wilson's interval."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    return Estimate(hits / n, *wilson(hits, n), n)


def mean_of(values: FloatArray) -> Estimate:
    """Return a mean with its normal interval; unknown (NaN) values are left out."""
    kept = values[~np.isnan(values)]
    if len(kept) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    value = float(np.mean(kept))
    half = normal_quantile(LEVEL) * _error(kept)
    return Estimate(value, value - half, value + half, len(kept))


def figure(
    name: str, kind: str, unit: str, champion: Estimate, canary: Estimate
) -> Mapping[str, Any]:
    """Return both sides of a figure and their difference, canary less champion, as JSON has it.

    The interval of a difference is Newcombe's of two shares (Statistics in Medicine 1998, method
    10), and the same construction from the normal intervals of two means, where it is Welch's
    with normal quantiles. ``verdict``: ``too_few`` where a side has fewer than `SMALL` customers,
    ``differs`` where the interval leaves 0 out, else ``not_shown``.

    Parameters
    ----------
    kind
        ``share`` or ``mean``.
    """
    difference = canary.value - champion.value
    down = math.hypot(canary.value - canary.lower, champion.upper - champion.value)
    up = math.hypot(canary.upper - canary.value, champion.value - champion.lower)
    lower, upper = difference - down, difference + up
    if min(champion.n, canary.n) < SMALL:
        verdict = "too_few"
    else:
        verdict = "differs" if lower > 0 or upper < 0 else "not_shown"
    return {
        "id": name,
        "kind": kind,
        "unit": unit,
        "champion": champion.told(),
        "canary": canary.told(),
        "difference": {"value": known(difference), "lower": known(lower), "upper": known(upper)},
        "verdict": verdict,
    }


def known(number: float) -> float | None:
    """Return a number as JSON has it."""
    return number if math.isfinite(number) else None


def _error(values: FloatArray) -> float:
    """Return the standard error of a mean; NaN for a single value."""
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))
