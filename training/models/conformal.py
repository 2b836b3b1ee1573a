"""Prediction intervals for LTV from ratios of outcome to prediction of unseen customers.

Rows are cut into classes of equal count by predicted
value; in each class the conformal quantiles of outcome / prediction are taken, with
the finite-sample correction of split conformal prediction (Vovk et al. 2005). Between
class centres the bounds are joined by straight lines and kept non-decreasing, so two
customers in order of prediction have bounds in the same order.

Where more customers spend nothing than the lower tail may hold, the lower bound is 0 and the
whole miss is left to the upper tail: an interval that starts at 0 cannot miss below.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.errors import FitError

# Fewer rows than this in a class make its outer quantiles the extremes of noise.
MIN_CLASS_ROWS = 40


@dataclass(frozen=True, slots=True)
class IntervalModel:
    """Bounds as functions of the predicted value.

    Attributes
    ----------
    nominal
        Share of outcomes meant to lie inside.
    centre
        ``(c,)`` typical prediction of each class, money, ascending, > 0.
    lower, upper
        ``(c,)`` bounds at the centres, money, non-decreasing, >= 0.
    """

    nominal: float
    centre: FloatArray
    lower: FloatArray
    upper: FloatArray

    def bounds(self, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper bounds ``(n,)`` around predictions ``(n,)`` > 0.

        The prediction itself always lies inside.
        """
        if len(predicted) == 1:  # numpy takes a microsecond for each of twenty steps
            value = predicted.item(0)
            low = _at_one(value, self.centre, self.lower)
            high = _at_one(value, self.centre, self.upper)
            return np.array([min(low, value)]), np.array([max(high, value)])
        lower = _through(predicted, self.centre, self.lower)
        upper = _through(predicted, self.centre, self.upper)
        return np.minimum(lower, predicted), np.maximum(upper, predicted)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; floats survive JSON bit for bit."""
        return {
            "nominal": self.nominal,
            "centre": self.centre.tolist(),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> IntervalModel:
        """Read :meth:`to_dict`."""
        arrays = {
            name: np.array(document[name], dtype=np.float64)
            for name in ("centre", "lower", "upper")
        }
        return cls(float(document["nominal"]), **arrays)


def fit_intervals(
    predicted: FloatArray, actual: FloatArray, *, nominal: float, classes: int
) -> IntervalModel:
    """Fit on out-of-time predictions ``(n,)`` > 0 and outcomes ``(n,)``, money.

    With few customers fewer classes are made, so that each has at least 40.

    Raises
    ------
    FitError
        If there are fewer than 20 customers.
    """
    n = len(predicted)
    if n < MIN_CLASS_ROWS // 2:
        raise FitError(
            f"Intervals need {MIN_CLASS_ROWS // 2} eligible rows to learn from; there are {n}.",
            hint="Widen eligibility.active_within_days or lower eligibility.min_tenure_days.",
            customers=n,
        )
    count = max(1, min(classes, n // MIN_CLASS_ROWS))
    order = np.argsort(predicted, kind="stable")
    centre, low, high = [], [], []
    for part in np.array_split(order, count):
        ratio = np.sort(np.maximum(actual[part], 0.0) / predicted[part])
        centre.append(float(np.median(predicted[part])))
        tail = (1.0 - nominal) / 2.0
        low.append(_quantile(ratio, tail))
        high.append(_quantile(ratio, nominal if low[-1] == 0.0 else 1.0 - tail))
    middle, first = np.unique(np.array(centre), return_index=True)
    return IntervalModel(
        nominal=nominal,
        centre=middle,
        lower=np.maximum.accumulate(np.array(low)[first] * middle),
        upper=np.maximum.accumulate(np.array(high)[first] * middle),
    )


def _quantile(ascending: FloatArray, level: float) -> float:
    """Conformal quantile: outwards to the order statistic of rank level·(n+1)."""
    n = len(ascending)
    exact = round(level * (n + 1), 9)  # .05 * 100 must not floor to 4
    rank = np.ceil(exact) if level > 0.5 else np.floor(exact)
    if rank < 1:
        return 0.0
    return float(ascending[int(min(rank, n)) - 1])


def _through(predicted: FloatArray, centre: FloatArray, bound: FloatArray) -> FloatArray:
    inner = np.interp(predicted, centre, bound)
    below = predicted * (bound[0] / centre[0])
    # the last class's own ratio carries on, in proportion to the prediction
    above = predicted * (bound[-1] / centre[-1])
    return np.where(predicted < centre[0], below, np.where(predicted > centre[-1], above, inner))


def _at_one(value: float, centre: FloatArray, bound: FloatArray) -> float:
    """Return :func:`_through` of one prediction, to the same bits."""
    last = len(centre) - 1
    if value < centre.item(0):
        return value * (bound.item(0) / centre.item(0))
    if value > centre.item(last):
        return value * (bound.item(last) / centre.item(last))
    # The steps of ``numpy.interp``, which takes microseconds for one value.
    left = bisect_right(centre, value) - 1
    if left == last or value != value:
        return bound.item(last) if value == value else value
    x, low = centre.item(left), bound.item(left)
    if value == x:
        return low
    return (bound.item(left + 1) - low) / (centre.item(left + 1) - x) * (value - x) + low
