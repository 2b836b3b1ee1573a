"""Exact bounds on the share of mistakes among ``n`` independent decisions.

A decision is right or wrong, so the binomial law is exact; bounds made for losses between 0 and
1 (Hoeffding, Bentkus) can only be wider here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrc, betaincinv

from features.schema import FloatArray

IntArray = npt.NDArray[np.int64]


def upper_bound(errors: IntArray, n: IntArray, delta: float) -> FloatArray:
    """Return the Clopper-Pearson upper bound of each error rate, at confidence ``1 - delta``.

    The smallest rate at which ``errors`` or fewer of ``n`` have a chance of at most ``delta``;
    1 where nothing was seen (Clopper and Pearson, Biometrika 26, 1934).
    """
    seen = np.asarray(n) > np.asarray(errors)
    found = betaincinv(np.asarray(errors) + 1.0, np.maximum(n - errors, 1.0), 1.0 - delta)
    return np.asarray(np.where(seen, found, 1.0), dtype=np.float64)


def too_few_errors(errors: IntArray, n: IntArray, level: float) -> FloatArray:
    """Return the chance of so few errors or fewer if the rate were ``level``: a p-value.

    Of the hypothesis that the rate is above ``level``; 1 where nothing was seen.
    """
    return np.asarray(bdtr(np.asarray(errors, dtype=np.float64), n, level), dtype=np.float64)


def too_many_errors(errors: int, n: int, level: float) -> float:
    """Return the chance of so many errors or more if the rate were ``level``: a p-value.

    Of the hypothesis that the rate is at most ``level``; 1 where nothing was seen.
    """
    return float(bdtrc(errors - 1.0, n, level)) if errors else 1.0


def least_selected(level: float, delta: float) -> int:
    """Return how many decisions without a mistake it takes to certify ``level`` at all."""
    return int(np.ceil(np.log(delta) / np.log1p(-level)))
