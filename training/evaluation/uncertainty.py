"""How sure a difference between two models is: a paired bootstrap over customers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

RESAMPLES = 1000
LEVEL = 0.95
_CHUNK = 50


def difference_interval(
    customer_id: npt.NDArray[np.str_], ours: FloatArray, other: FloatArray, *, seed: int
) -> tuple[float, float, float]:
    """Return the mean of ``ours - other`` and its 95 % interval.

    Customers, not rows, are drawn: one customer at several origins is one observation.

    Parameters
    ----------
    customer_id
        ``(n,)`` customer of each row.
    ours, other
        ``(n,)`` loss of each model on each row; below 0 means ours is better.
    seed
        Seed of the draws.

    Returns
    -------
    tuple of float
        Mean, lower and upper bound (percentile bootstrap, Efron 1979).
    """
    _, owner = np.unique(customer_id, return_inverse=True)
    totals = np.bincount(owner, weights=ours - other)
    counts = np.bincount(owner).astype(np.float64)
    m = len(totals)
    draws = np.empty(RESAMPLES)
    generator = np.random.default_rng(seed)
    for start in range(0, RESAMPLES, _CHUNK):
        # Poisson(1) weights: the same in the limit as drawing m of m, and one array a chunk.
        weight = generator.poisson(1.0, (_CHUNK, m)).astype(np.float64)
        weight[weight.sum(axis=1) == 0] = 1.0
        draws[start : start + _CHUNK] = (weight @ totals) / (weight @ counts)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(totals.sum() / counts.sum()), float(low), float(high)
