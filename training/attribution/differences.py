"""Difference in differences: who changed tier against peers who did not.

Each customer whose tier rose is paired with the most similar one whose tier stayed. What the
pairs' spend differs by after the change, less what it differed by before, is the effect on
those who rose, if both would have gone the same way without it. Whether they did so *before*
the change is tested; that they would have after it cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from features.schema import FloatArray
from training.errors import FitError

_NEIGHBOURS = 20
MIN_PAIRS = 20
"""Pairs below which nothing is estimated."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Customers who rose, each with a peer of his own.

    Attributes
    ----------
    treated, peer
        ``(m,)`` rows; nobody stands twice.
    unmatched
        Customers who rose and have no peer that is near enough.
    """

    treated: npt.NDArray[np.intp]
    peer: npt.NDArray[np.intp]
    unmatched: int


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Effect on those who rose.

    Attributes
    ----------
    estimate, lower, upper, error
        Mean effect per customer and period, its interval and standard error.
    p_value
        Two-sided, of no effect.
    by_period
        ``(t,)`` mean difference within pairs less that of the last period before.
    by_period_error
        ``(t,)`` standard errors.
    pre_trend
        p-value of no difference in any period before; NaN with a single one.
    pairs
        How many.
    """

    estimate: float
    lower: float
    upper: float
    error: float
    p_value: float
    by_period: FloatArray
    by_period_error: FloatArray
    pre_trend: float
    pairs: int


def pair_up(
    treated: npt.NDArray[np.bool_],
    covariates: FloatArray,
    stratum: npt.NDArray[np.integer],
    caliper: float = 0.5,
) -> Pairs:
    """Pair each treated customer with the nearest peer, nearest pairs first.

    Parameters
    ----------
    treated
        ``(n,)`` whose tier rose; all others are possible peers.
    covariates
        ``(n, k)`` known before the change; compared in standard deviations.
    stratum
        ``(n,)`` codes that must agree (the tier before).
    caliper
        Largest mean distance per covariate, in standard deviations.
    """
    spread = covariates.std(axis=0)
    scaled = (covariates - covariates.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    limit = caliper * np.sqrt(max(covariates.shape[1], 1))
    found: list[tuple[float, int, int]] = []
    for code in np.unique(stratum[treated]):
        rows = np.flatnonzero(treated & (stratum == code))
        peers = np.flatnonzero(~treated & (stratum == code))
        if peers.size == 0:
            continue
        near = min(_NEIGHBOURS, peers.size)
        distance, place = cKDTree(scaled[peers]).query(
            scaled[rows], k=np.arange(1, near + 1), distance_upper_bound=limit
        )
        found += [
            (float(distance[i, j]), int(row), int(peers[place[i, j]]))
            for i, row in enumerate(rows)
            for j in range(near)
            if np.isfinite(distance[i, j])
        ]
    taken: set[int] = set()
    chosen = []
    for _, row, peer in sorted(found):
        if row not in taken and peer not in taken:
            taken |= {row, peer}
            chosen.append((row, peer))
    rows_of, peers_of = np.array(sorted(chosen), dtype=np.intp).reshape(-1, 2).T
    return Pairs(rows_of, peers_of, int(treated.sum()) - len(chosen))


def difference_in_differences(
    spend: FloatArray, pairs: Pairs, first_after: int, level: float = 0.95
) -> Difference:
    """Estimate what rising did, with errors that are independent between pairs.

    Parameters
    ----------
    spend
        ``(n, t)`` outcome of each customer in equally long periods.
    pairs
        Rows to compare. As nobody stands in two pairs, a pair is a cluster (Abadie and Spiess,
        JASA 2022).
    first_after
        Index of the first period after the change, 1 and up: at least one is before.

    Raises
    ------
    FitError
        If there are fewer pairs than :data:`MIN_PAIRS`, or no period before or after.
    """
    m = pairs.treated.size
    if m < MIN_PAIRS:
        raise FitError(
            f"Only {m} customers who changed tier have a peer.",
            hint=f"At least {MIN_PAIRS} are needed; widen the caliper or pool snapshots.",
        )
    if not 1 <= first_after < spend.shape[1]:
        raise FitError("There must be a period before and a period after the change.")
    gap = spend[pairs.treated] - spend[pairs.peer]
    change = gap - gap[:, [first_after - 1]]
    before, after = gap[:, :first_after].mean(axis=1), gap[:, first_after:].mean(axis=1)
    effect = after - before
    estimate, error = float(effect.mean()), float(effect.std(ddof=1) / np.sqrt(m))
    reach = float(t_distribution.ppf((1 + level) / 2, m - 1)) * error
    return Difference(
        estimate=estimate,
        lower=estimate - reach,
        upper=estimate + reach,
        error=error,
        p_value=float(2 * t_distribution.sf(abs(estimate) / error, m - 1)) if error else 1.0,
        by_period=change.mean(axis=0),
        by_period_error=change.std(axis=0, ddof=1) / np.sqrt(m),
        pre_trend=_no_trend(change[:, : first_after - 1]),
        pairs=m,
    )


def _no_trend(change: FloatArray) -> float:
    """Return the p-value of Hotelling's test that all means are 0."""
    m, k = change.shape
    if k == 0:
        return float("nan")
    covariance = np.atleast_2d(np.cov(change, rowvar=False))
    mean = change.mean(axis=0)
    statistic = m * float(mean @ np.linalg.pinv(covariance) @ mean)
    return float(f_distribution.sf(statistic * (m - k) / (k * (m - 1)), k, m - k))
