"""Regression discontinuity at a tier's cut: what tier service adds to customers at the cut.

Customers just above and just below a cut are alike but for the tier, as long as nobody steers
his score. The jump in what they spend afterwards is the effect of the tier *at the cut*. The
estimate is a local line with its bias removed, and the interval counts the removal's own
chance (Calonico, Cattaneo and Titiunik 2014); snapshots of one customer are one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from features.schema import FloatArray
from training.attribution.bandwidth import Bandwidths, choose
from training.attribution.local_polynomial import Clusters, fit_local, variance
from training.errors import FitError

LEVEL = 0.95
MIN_SIDE = 20
"""Customers within the bandwidth on each side below which nothing is estimated."""
MIN_STEP = 3.0
"""Standard errors of the step in treatment below which a fuzzy design says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """The jump at a cut.

    Attributes
    ----------
    estimate, lower, upper
        Bias-corrected jump and its robust interval.
    error
        Robust standard error.
    p_value
        Two-sided, of no jump.
    step
        Jump in the share treated: 1 in a sharp design.
    bandwidths
        In score points.
    n_left, n_right
        Customers (not rows) within the main bandwidth.
    influence
        ``(n,)`` what each row's chance adds to the estimate.
    """

    estimate: float
    lower: float
    upper: float
    error: float
    p_value: float
    step: float
    bandwidths: Bandwidths
    n_left: int
    n_right: int
    influence: FloatArray


def jump(
    x: FloatArray,
    y: FloatArray,
    *,
    treated: FloatArray | None = None,
    cluster: Clusters | None = None,
    bandwidths: Bandwidths | None = None,
    level: float = LEVEL,
) -> Jump:
    """Estimate the jump of an outcome at ``x == 0``.

    Parameters
    ----------
    x
        ``(n,)`` score less the cut; from 0 on the better tier.
    y
        ``(n,)`` outcome, known for all.
    treated
        ``(n,)`` 1 for who was in the better tier in fact (a panel may decide otherwise than
        the score): then the jump is per customer who followed the score. None: all did.
    cluster
        ``(n,)`` codes from 0 of the customers; None if each row is one.
    bandwidths
        Chosen from the data if None.

    Raises
    ------
    FitError
        If too few customers are near the cut, or the treatment hardly steps there.
    """
    groups = np.arange(x.size) if cluster is None else cluster
    widths = bandwidths or choose(x, y, groups)
    sides = (x < 0, x >= 0)
    counts = [np.unique(groups[side & (np.abs(x) < widths.main)]).size for side in sides]
    if min(counts) < MIN_SIDE:
        raise FitError(
            f"Only {counts[0]} and {counts[1]} customers are near the cut.",
            hint=f"At least {MIN_SIDE} are needed on each side; pool more snapshots.",
        )
    weights = np.zeros(x.size)
    for side, sign in zip(sides, (-1.0, 1.0), strict=True):
        weights[side] = sign * _level_weights(x[side], widths)
    influence = weights * _noise(x, y, widths)
    estimate, step = float(weights @ y), 1.0
    if treated is not None:
        stepping = weights * _noise(x, treated, widths)
        step = float(weights @ treated)
        if abs(step) < MIN_STEP * np.sqrt(variance(stepping, groups)) or step == 0:
            raise FitError(
                "Being in the tier hardly depends on which side of the cut the score is.",
                hint="Look for a cut that decides, or leave the overridden customers out.",
                step=step,
            )
        estimate /= step
        influence = (influence - estimate * stepping) / step
    error = float(np.sqrt(variance(influence, groups)))
    z = float(norm.ppf((1 + level) / 2))
    return Jump(
        estimate=estimate,
        lower=estimate - z * error,
        upper=estimate + z * error,
        error=error,
        p_value=float(2 * norm.sf(abs(estimate) / error)) if error > 0 else 1.0,
        step=step,
        bandwidths=widths,
        n_left=int(counts[0]),
        n_right=int(counts[1]),
        influence=influence,
    )


def _level_weights(x: FloatArray, widths: Bandwidths) -> FloatArray:
    """Return weights of the level at 0: the line's, less the bias that the curvature causes."""
    line = fit_local(x, widths.main, 1).weights[0]
    curvature = fit_local(x, widths.bias, 2).weights[2]
    corrected: FloatArray = line - float(line @ x**2) * curvature
    return corrected


def _noise(x: FloatArray, y: FloatArray, widths: Bandwidths) -> FloatArray:
    """Return the residuals of the curves that both bandwidths see."""
    found = np.empty(x.size)
    for side in (x < 0, x >= 0):
        found[side] = fit_local(x[side], max(widths.main, widths.bias), 2).residuals(y[side])
    return found
