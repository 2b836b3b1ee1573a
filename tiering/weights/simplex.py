"""Weights as points of the simplex: a robust centre, a floor, rounding that keeps the sum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

_STEPS = 500
_STILL = 1e-12
"""Distance (weights are shares of 1) below which two points are one."""

_SURE = 1e-9
"""By how much an answer must hold more than all others pull to be the centre itself."""


def centre(points: FloatArray) -> FloatArray:
    """Return the geometric median of a panel's answers, ``(d,)``.

    The point with the least sum of distances to all answers. It lies among the answers (in
    their convex hull), so it sums to 1 by itself: medians taken dimension by dimension do not.
    Half of the panel minus one may answer anything without carrying it away, where a mean
    follows each of them. And an answer of 0 is an answer, where means of logarithms break.
    Two answers meet in the middle. Weiszfeld's steps as Vardi and Zhang mended them (The
    multivariate L1-median, PNAS 97, 2000).

    Parameters
    ----------
    points
        ``(m, d)`` weights, one member a row, each row summing to 1; ``m`` at least 1.
    """
    for point in points:
        _, force, held = _pull(points, point)
        if np.linalg.norm(force) < held - _SURE:
            return np.asarray(point / point.sum())
    here = np.asarray(points.mean(axis=0))
    for _ in range(_STEPS):
        pull, force, held = _pull(points, here)
        strength = float(np.linalg.norm(force))
        if strength <= held + _STILL:
            break
        step = (1.0 - held / strength) * force / pull
        here = here + step
        if np.linalg.norm(step) < _STILL:
            break
    return np.asarray(here / here.sum())


def _pull(points: FloatArray, here: FloatArray) -> tuple[float, FloatArray, int]:
    """Return how strongly, and where to ``(d,)``, answers pull, and how many lie here and hold."""
    gap = np.linalg.norm(points - here, axis=1)
    apart = gap > _STILL
    pull = 1.0 / gap[apart]
    return float(pull.sum()), pull @ (points[apart] - here), int((~apart).sum())


def raise_to_floor(weights: FloatArray, floor: float) -> FloatArray:
    """Return weights ``(d,)`` of at least ``floor``; the others give in proportion.

    Parameters
    ----------
    weights
        ``(d,)`` summing to 1.
    floor
        From 0 to ``1 / d``.
    """
    low = np.zeros(weights.shape, dtype=np.bool_)
    found = weights
    while np.any(found[~low] < floor):
        low |= found < floor
        rest = weights[~low].sum()
        share = (1.0 - floor * low.sum()) / rest if rest > 0 else 0.0
        found = np.where(low, floor, weights * share)
    return found


def largest_remainder(weights: FloatArray, units: int) -> npt.NDArray[np.int64]:
    """Return whole numbers ``(d,)`` nearest to ``weights * units`` that sum to ``units``.

    Each is rounded down, and what is left goes one by one to the largest remainders; of equal
    ones to the first.

    Parameters
    ----------
    weights
        ``(d,)`` summing to 1.
    """
    exact = weights * units
    down = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - down), kind="stable")
    down[order[: units - int(down.sum())]] += 1
    return down
