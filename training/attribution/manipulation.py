"""Do customers bunch at the better side of a cut? Then those at it are not alike.

The density on each side is the slope of a local polynomial through the empirical distribution
function, which needs no bins (Cattaneo, Jansson and Ma, JASA 2020; the question is McCrary's,
J. Econometrics 2008). The test uses one degree more than its bandwidth was chosen for, so
that the bias left over does not count as bunching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from features.schema import FloatArray
from training.attribution.local_polynomial import fit_local
from training.errors import FitError

Places = npt.NDArray[np.intp]

_ORDER = 2
_GRID = 10
MIN_SIDE = 50
"""Scores on each side below which the density at the cut is not estimated."""


@dataclass(frozen=True, slots=True)
class DensityJump:
    """Density per score point on both sides of a cut, and the test that they are the same.

    Attributes
    ----------
    below, above
        Share of customers per score point, coming from the left and from the right.
    p_value
        Two-sided, of no jump.
    bandwidth
        Score points looked at on each side.
    n
        Scores within it.
    """

    below: float
    above: float
    p_value: float
    bandwidth: float
    n: int


def density_jump(x: FloatArray) -> DensityJump:
    """Test whether the density of scores jumps at ``x == 0``.

    Parameters
    ----------
    x
        ``(n,)`` score less the cut, each customer once.

    Raises
    ------
    FitError
        If a side has too few different scores.
    """
    x = np.sort(x)
    sides = [np.flatnonzero(x < 0), np.flatnonzero(x >= 0)]
    for side in sides:
        if np.unique(x[side]).size < MIN_SIDE:
            raise FitError(
                f"A side of the cut has fewer than {MIN_SIDE} different scores.",
                hint="The density at the cut cannot be estimated; pool more snapshots.",
            )
    bandwidth = _bandwidth(x, sides)
    below, above = (_slope(x, side, bandwidth, _ORDER + 1) for side in sides)
    error = float(np.sqrt(np.sum((above[1] - below[1]) ** 2)))
    statistic = (above[0] - below[0]) / error
    return DensityJump(
        below=below[0],
        above=above[0],
        p_value=float(2 * norm.sf(abs(statistic))),
        bandwidth=bandwidth,
        n=int(np.count_nonzero(np.abs(x) < bandwidth)),
    )


def _slope(x: FloatArray, side: Places, bandwidth: float, order: int) -> tuple[float, FloatArray]:
    """Return the density at 0 from one side, and each score's influence on it, ``(n,)``."""
    n = x.size
    below = _distribution(x, side)
    fit = fit_local(x[side], bandwidth, order)
    weights = fit.weights[1]
    influence = np.zeros(n)
    # A score raises the distribution function at all scores above it ...
    ahead = np.zeros(n)
    ahead[side] = weights
    raised = np.cumsum(ahead[::-1])[::-1]
    influence += (raised - raised.mean()) / n
    # ... and is a point of the regression itself.
    influence[side] += weights * fit.residuals(below)
    return float(weights @ below), influence


def _bandwidth(x: FloatArray, sides: list[Places]) -> float:
    """Return the bandwidth of the least mean squared error of the difference, from a grid."""
    reach = min(float(np.abs(x[side]).max()) for side in sides)
    least = max(float(np.unique(np.abs(x[side]))[MIN_SIDE // 2]) for side in sides)
    reach = max(reach, least)
    thirds = []  # the third derivative on each side, which is what a second degree misses
    for side in sides:
        fit = fit_local(x[side], reach * (1 + 1e-8), _ORDER + 2)
        thirds.append(float(fit.weights[_ORDER + 1] @ _distribution(x, side)))
    losses = {}
    for bandwidth in map(float, np.geomspace(least, reach, _GRID)):
        left, right = (_slope(x, side, bandwidth, _ORDER) for side in sides)
        missed = [
            third * float(fit_local(x[side], bandwidth, _ORDER).weights[1] @ x[side] ** 3)
            for side, third in zip(sides, thirds, strict=True)
        ]
        bias = missed[1] - missed[0]
        losses[bandwidth] = bias**2 + float(np.sum((right[1] - left[1]) ** 2))
    return min(losses, key=lambda bandwidth: losses[bandwidth])


def _distribution(x: FloatArray, side: Places) -> FloatArray:
    """Return the empirical distribution function at the scores of a side."""
    below: FloatArray = (np.searchsorted(x, x[side], side="right") - 0.5) / x.size
    return below
