"""Metrics: pure functions of what was predicted and what happened.

Every function takes ``(n,)`` float64 arrays. Where a metric is not defined (one class
only, no spread, no money), it is NaN, never a made-up number.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from features.schema import FloatArray

_CLIP = 1e-15


def auc(label: FloatArray, score: FloatArray) -> float:
    """Area under the ROC curve, 0 to 1; ties count half (Mann-Whitney)."""
    positive = label > 0.5
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 == 0 or n0 == 0:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2.0) / (n1 * n0))


def pr_auc(label: FloatArray, score: FloatArray) -> float:
    """Average precision, 0 to 1: precision at each threshold, weighted by recall gained."""
    positives = float((label > 0.5).sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(label[order] > 0.5)
    last_of_tie = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    precision = hits[last_of_tie] / (last_of_tie + 1.0)
    gained = np.diff(np.concatenate([[0.0], hits[last_of_tie] / positives]))
    return float((precision * gained).sum())


def log_loss(label: FloatArray, probability: FloatArray) -> float:
    """Mean negative log-likelihood in nats, 0 and up."""
    if len(label) == 0:
        return float("nan")
    p = np.clip(probability, _CLIP, 1.0 - _CLIP)
    return float(-np.mean(label * np.log(p) + (1.0 - label) * np.log1p(-p)))


def brier(label: FloatArray, probability: FloatArray) -> float:
    """Mean squared error of the probability, 0 to 1."""
    return float(np.mean((probability - label) ** 2)) if len(label) else float("nan")


def ece(label: FloatArray, probability: FloatArray, bins: int = 10) -> float:
    """Expected calibration error, 0 to 1, over bins of equal count."""
    if len(label) == 0:
        return float("nan")
    order = np.argsort(probability, kind="stable")
    total = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        total += len(part) * abs(float(label[part].mean() - probability[part].mean()))
    return total / len(label)


def precision_at_k(label: FloatArray, score: FloatArray, share: float = 0.1) -> float:
    """Share of positives among the top ``share`` by score, 0 to 1; at least one row."""
    if len(label) == 0:
        return float("nan")
    k = max(1, round(share * len(label)))
    top = np.argsort(-score, kind="stable")[:k]
    return float(np.mean(label[top] > 0.5))


def mae(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean absolute error, money."""
    return float(np.mean(np.abs(actual - predicted))) if len(actual) else float("nan")


def rmse(actual: FloatArray, predicted: FloatArray) -> float:
    """Root mean squared error, money."""
    return float(np.sqrt(np.mean((actual - predicted) ** 2))) if len(actual) else float("nan")


def spearman(actual: FloatArray, predicted: FloatArray) -> float:
    """Rank correlation, -1 to 1, ties at their mean rank."""
    if len(actual) < 2:
        return float("nan")
    a, p = rankdata(actual), rankdata(predicted)
    a, p = a - a.mean(), p - p.mean()
    scale = float(np.sqrt((a @ a) * (p @ p)))
    return float((a @ p) / scale) if scale > 0 else float("nan")


def normalised_gini(actual: FloatArray, predicted: FloatArray) -> float:
    """Gini of money caught in the predicted order over that of the perfect order, <= 1.

    Equal predictions share their money evenly, so the order of rows does not matter.
    """
    perfect = _gini(actual, actual)
    return _gini(actual, predicted) / perfect if perfect > 0 else float("nan")


def _gini(actual: FloatArray, by: FloatArray) -> float:
    total = float(actual.sum())
    n = len(actual)
    if n == 0 or total <= 0:
        return 0.0
    rank = n + 1 - rankdata(by)  # 1 = predicted best
    # Σ of cumulative shares, minus that of equal shares
    return float((actual * (n + 1 - rank)).sum() / total - (n + 1) / 2.0) / n


def decile_mape(actual: FloatArray, predicted: FloatArray, groups: int = 10) -> float:
    """Mean absolute percentage error of group totals, by predicted decile, 0 and up.

    Deciles whose customers spent nothing in total are left out.
    """
    if len(actual) == 0:
        return float("nan")
    order = np.argsort(predicted, kind="stable")
    errors = []
    for part in np.array_split(order, min(groups, len(order))):
        spent = float(actual[part].sum())
        if spent > 0:
            errors.append(abs(float(predicted[part].sum()) - spent) / spent)
    return float(np.mean(errors)) if errors else float("nan")


def top_decile_share(actual: FloatArray, predicted: FloatArray, share: float = 0.1) -> float:
    """Share of all money spent by the top ``share`` of customers by prediction."""
    total = float(actual.sum())
    if len(actual) == 0 or total <= 0:
        return float("nan")
    k = max(1, round(share * len(actual)))
    top = np.argsort(-predicted, kind="stable")[:k]
    return float(actual[top].sum() / total)


def top_decile_lift(actual: FloatArray, predicted: FloatArray, share: float = 0.1) -> float:
    """Mean of the top ``share`` by prediction over the mean of all, 0 and up; 1 is chance."""
    total = float(actual.sum())
    if len(actual) == 0 or total <= 0:
        return float("nan")
    k = max(1, round(share * len(actual)))
    return top_decile_share(actual, predicted, share) * len(actual) / k


def relative_bias(actual: FloatArray, predicted: FloatArray) -> float:
    """Total predicted over total realised, less 1; above 0 too much was promised."""
    total = float(actual.sum())
    return float(predicted.sum()) / total - 1.0 if len(actual) and total > 0 else float("nan")


def probability_bias(label: FloatArray, probability: FloatArray) -> float:
    """Mean probability less the share that came true, -1 to 1."""
    return float(np.mean(probability) - np.mean(label)) if len(label) else float("nan")


def interval_coverage(actual: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Share of actual values inside ``[lower, upper]``, 0 to 1.

    A negative net value (more returned than bought) counts as 0, the least the interval
    can reach.
    """
    if len(actual) == 0:
        return float("nan")
    seen = np.maximum(actual, 0.0)
    return float(np.mean((seen >= lower) & (seen <= upper)))
