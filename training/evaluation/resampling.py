"""Metrics under many sets of row weights at once: what a bootstrap is made of.

Every function takes weights ``(c, n)``, whole numbers of which each row is one draw, and
returns ``(c,)``: the metric of ``training/evaluation/metrics.py`` as if each row stood there as
often as its weight says. Orders are worked out once and used for every draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Rows in ascending order of a score, and where its ties are.

    Attributes
    ----------
    rows
        ``(n,)`` row numbers, ascending by score.
    first
        ``(g,)`` where each group of equal scores begins in ``rows``.
    group
        ``(n,)`` group of each row.
    """

    rows: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]
    group: npt.NDArray[np.intp]

    @classmethod
    def of(cls, score: FloatArray) -> Order:
        """Sort scores ``(n,)``, n > 0; equal ones stay in the order of the rows."""
        rows = np.argsort(score, kind="stable")
        new = np.append(True, np.diff(score[rows]) != 0)
        group = np.empty(len(score), dtype=np.intp)
        group[rows] = np.cumsum(new) - 1
        return cls(rows, np.flatnonzero(new), group)

    def middle(self, weight: FloatArray) -> FloatArray:
        """Return the weight below each row plus half of its tie, ``(c, n)``: mid-ranks."""
        tied = np.add.reduceat(weight[:, self.rows], self.first, axis=1)
        middle: FloatArray = np.cumsum(tied, axis=1) - 0.5 * tied
        return middle[:, self.group]


def auc(order: Order, positive: FloatArray, weight: FloatArray) -> FloatArray:
    """Area under the ROC curve of the ordered score; ``positive`` ``(n,)`` is 1.0 or 0.0."""
    sorted_weight = weight[:, order.rows]
    tied = np.add.reduceat(sorted_weight, order.first, axis=1)
    good = np.add.reduceat(sorted_weight * positive[order.rows], order.first, axis=1)
    bad = tied - good
    below = np.cumsum(bad, axis=1) - 0.5 * bad
    return ratio((good * below).sum(axis=1), good.sum(axis=1) * bad.sum(axis=1))


def pr_auc(order: Order, positive: FloatArray, weight: FloatArray) -> FloatArray:
    """Average precision of the ordered score."""
    sorted_weight = weight[:, order.rows]
    tied = np.add.reduceat(sorted_weight, order.first, axis=1)[:, ::-1]
    good = np.add.reduceat(sorted_weight * positive[order.rows], order.first, axis=1)[:, ::-1]
    caught, chosen = np.cumsum(good, axis=1), np.cumsum(tied, axis=1)
    precision = np.divide(caught, chosen, out=np.zeros_like(caught), where=chosen > 0)
    return ratio((precision * good).sum(axis=1), caught[:, -1])


def spearman(actual_rank: FloatArray, rank: FloatArray, weight: FloatArray) -> FloatArray:
    """Correlation of mid-ranks ``(c, n)`` as :meth:`Order.middle` gives them."""
    total = weight.sum(axis=1, keepdims=True)
    a = actual_rank - (weight * actual_rank).sum(axis=1, keepdims=True) / total
    p = rank - (weight * rank).sum(axis=1, keepdims=True) / total
    wa = weight * a
    spread = np.sqrt((wa * a).sum(axis=1) * (weight * p * p).sum(axis=1))
    return ratio((wa * p).sum(axis=1), spread)


def normalised_gini(
    actual: FloatArray, actual_rank: FloatArray, rank: FloatArray, weight: FloatArray
) -> FloatArray:
    """Gini of money caught in the ranked order over that of the perfect order."""
    money, half = weight * actual, 0.5 * weight.sum(axis=1)
    total = money.sum(axis=1)
    caught = ratio((money * rank).sum(axis=1), total) - half
    perfect = ratio((money * actual_rank).sum(axis=1), total) - half
    return ratio(caught, np.where(total > 0, perfect, 0.0))


def mean(loss: FloatArray, weight: FloatArray) -> FloatArray:
    """Mean of losses ``(n,)``."""
    return ratio(weight @ loss, weight.sum(axis=1))


def top_mean(order: Order, value: FloatArray, weight: FloatArray, share: float) -> FloatArray:
    """Mean of values ``(n,)`` in the top share of the ordered score; at least one row."""
    rows = order.rows[::-1]
    sorted_weight = weight[:, rows]
    reached = np.cumsum(sorted_weight, axis=1)
    size = np.maximum(1.0, np.rint(share * reached[:, -1]))
    taken = np.clip(size[:, None] - (reached - sorted_weight), 0.0, sorted_weight)
    return ratio(taken @ value[rows], size)


def bin_sums(
    order: Order, values: tuple[FloatArray, ...], weight: FloatArray, bins: int = 10
) -> FloatArray:
    """Return weights and sums of values in bins of equal weight, ``(1 + v, c, bins)``.

    Bins differ by one at most, the larger ones first, as ``numpy.array_split`` cuts.
    """
    sorted_weight = weight[:, order.rows]
    reached = np.cumsum(sorted_weight, axis=1)
    base, extra = np.divmod(reached[:, -1:], bins)
    step = np.arange(1, bins + 1)
    edges = base * step + np.minimum(step, extra)
    sums = np.empty((1 + len(values), len(weight), bins))
    sums[0] = edges
    at = np.stack([np.searchsorted(r, e) for r, e in zip(reached, edges, strict=True)])
    over = np.take_along_axis(reached, at, axis=1) - edges
    for place, value in enumerate(values, start=1):
        sorted_value = value[order.rows]
        total = np.cumsum(sorted_weight * sorted_value, axis=1)
        sums[place] = np.take_along_axis(total, at, axis=1) - over * sorted_value[at]
    return np.diff(sums, axis=2, prepend=0.0)


def ece(order: Order, label: FloatArray, probability: FloatArray, weight: FloatArray) -> FloatArray:
    """Expected calibration error over ten bins of equal weight."""
    size, observed, predicted = bin_sums(order, (label, probability), weight)
    return ratio(np.abs(observed - predicted).sum(axis=1), size.sum(axis=1))


def decile_mape(
    order: Order, actual: FloatArray, predicted: FloatArray, weight: FloatArray
) -> FloatArray:
    """Mean absolute percentage error of the totals of predicted deciles with any money."""
    _, spent, expected = bin_sums(order, (actual, predicted), weight)
    error = np.divide(np.abs(expected - spent), spent, out=np.zeros_like(spent), where=spent > 0)
    return ratio(error.sum(axis=1), (spent > 0).sum(axis=1).astype(np.float64))


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return ``part / whole``, both ``(c,)``; NaN where the whole is not above 0."""
    share: FloatArray = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return share
