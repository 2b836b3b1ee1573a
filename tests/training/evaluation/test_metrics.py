"""Every vectorised metric against a slow, obvious loop (and scikit-learn where it has one)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from features.schema import FloatArray
from training.evaluation import metrics

FEW_VALUES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 1.0])
ROWS = st.lists(st.tuples(st.booleans(), FEW_VALUES), min_size=2, max_size=30)
MONEY = st.lists(
    st.tuples(st.sampled_from([-5.0, 0.0, 0.0, 1.0, 2.0, 10.0, 100.0]), FEW_VALUES),
    min_size=2,
    max_size=30,
)


def _split(rows: list[tuple[bool, float]] | list[tuple[float, float]]) -> tuple[FloatArray, ...]:
    return tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, float]]) -> None:
    label, score = _split(rows)
    pairs = [
        1.0 if good > bad else 0.5 if good == bad else 0.0
        for good, is_good in zip(score, label, strict=True)
        if is_good
        for bad, is_bad in zip(score, 1 - label, strict=True)
        if is_bad
    ]
    fast = metrics.auc(label, score)
    if not pairs:
        assert math.isnan(fast)
    else:
        assert fast == pytest.approx(sum(pairs) / len(pairs))
        assert fast == pytest.approx(roc_auc_score(label, score))


@given(ROWS)
def test_pr_auc_is_average_precision(rows: list[tuple[bool, float]]) -> None:
    label, score = _split(rows)
    fast = metrics.pr_auc(label, score)
    if label.sum() == 0:
        assert math.isnan(fast)
        return
    total, found = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        chosen = score >= threshold
        hits = float(label[chosen].sum())
        total += hits / chosen.sum() * (hits - found) / label.sum()
        found = hits
    assert fast == pytest.approx(total)
    assert fast == pytest.approx(average_precision_score(label, score))


@given(ROWS)
def test_probability_scores(rows: list[tuple[bool, float]]) -> None:
    label, p = _split(rows)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    slow = [math.log(q if y else 1 - q) for y, q in zip(label, clipped, strict=True)]
    assert metrics.log_loss(label, p) == pytest.approx(-sum(slow) / len(slow))
    assert metrics.log_loss(label, p) == pytest.approx(log_loss(label, clipped, labels=[0, 1]))
    squares = [(q - y) ** 2 for y, q in zip(label, p, strict=True)]
    assert metrics.brier(label, p) == pytest.approx(sum(squares) / len(squares))
    assert metrics.brier(label, p) == pytest.approx(brier_score_loss(label, p, pos_label=1))


def test_ece_by_hand() -> None:
    p = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8])
    label = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    # bins of four: |.25 - .1| and |.75 - .8|, half the rows each
    assert metrics.ece(label, p, bins=2) == pytest.approx(0.5 * 0.15 + 0.5 * 0.05)


@given(ROWS, st.integers(1, 12))
def test_ece_loop(rows: list[tuple[bool, float]], bins: int) -> None:
    label, p = _split(rows)
    order = sorted(range(len(p)), key=lambda i: p[i])
    bins = min(bins, len(p))
    sizes = [len(p) // bins + (1 if b < len(p) % bins else 0) for b in range(bins)]
    total, start = 0.0, 0
    for size in sizes:
        part = order[start : start + size]
        start += size
        total += abs(sum(label[i] for i in part) - sum(p[i] for i in part))
    assert metrics.ece(label, p, bins=bins) == pytest.approx(total / len(p))


@given(MONEY)
def test_errors_of_amounts(rows: list[tuple[float, float]]) -> None:
    actual, predicted = _split(rows)
    gaps = [abs(a - p) for a, p in zip(actual, predicted, strict=True)]
    assert metrics.mae(actual, predicted) == pytest.approx(sum(gaps) / len(gaps))
    square = sum(gap**2 for gap in gaps) / len(gaps)
    assert metrics.rmse(actual, predicted) == pytest.approx(math.sqrt(square))


def _ranks(values: FloatArray) -> list[float]:
    return [sum(1.0 for other in values if other < v) + (sum(values == v) + 1) / 2 for v in values]


@given(MONEY)
def test_spearman_is_the_correlation_of_mid_ranks(rows: list[tuple[float, float]]) -> None:
    actual, predicted = _split(rows)
    a, p = _ranks(actual), _ranks(predicted)
    fast = metrics.spearman(actual, predicted)
    if len(set(a)) == 1 or len(set(p)) == 1:
        assert math.isnan(fast)
    else:
        assert fast == pytest.approx(float(np.corrcoef(a, p)[0, 1]))


def _slow_gini(actual: FloatArray, by: FloatArray) -> float:
    """Area between the money caught and the diagonal; ties catch money evenly."""
    total, n = float(actual.sum()), len(actual)
    caught, area = 0.0, 0.0
    for value in sorted(set(by), reverse=True):
        tied = actual[by == value]
        for _ in range(len(tied)):
            step = float(tied.mean()) / total
            area += caught + step / 2 - 0.0
            caught += step
    return area / n - 0.5


@given(MONEY)
def test_normalised_gini_is_the_ratio_of_areas(rows: list[tuple[float, float]]) -> None:
    actual, predicted = _split(rows)
    fast = metrics.normalised_gini(actual, predicted)
    if actual.sum() <= 0 or len(set(actual)) == 1:
        assert math.isnan(fast)
    else:
        slow = _slow_gini(actual, predicted) / _slow_gini(actual, actual)
        assert fast == pytest.approx(slow, abs=1e-9)


def test_normalised_gini_knows_perfect_and_reverse_order() -> None:
    actual = np.array([0.0, 1.0, 5.0, 20.0])
    assert metrics.normalised_gini(actual, actual * 3) == pytest.approx(1.0)
    assert metrics.normalised_gini(actual, -actual) == pytest.approx(-1.0)
    assert metrics.normalised_gini(actual, np.ones(4)) == pytest.approx(0.0, abs=1e-12)


@given(MONEY, st.integers(1, 12))
def test_decile_mape_loop(rows: list[tuple[float, float]], groups: int) -> None:
    actual, predicted = _split(rows)
    order = sorted(range(len(actual)), key=lambda i: predicted[i])
    groups = min(groups, len(order))
    errors, start = [], 0
    for b in range(groups):
        size = len(order) // groups + (1 if b < len(order) % groups else 0)
        part = order[start : start + size]
        start += size
        spent = sum(actual[i] for i in part)
        if spent > 0:
            errors.append(abs(sum(predicted[i] for i in part) - spent) / spent)
    fast = metrics.decile_mape(actual, predicted, groups=groups)
    if errors:
        assert fast == pytest.approx(sum(errors) / len(errors))
    else:
        assert math.isnan(fast)


@given(MONEY)
def test_shares_of_the_top(rows: list[tuple[float, float]]) -> None:
    actual, score = _split(rows)
    k = max(1, round(0.2 * len(actual)))
    top = sorted(range(len(actual)), key=lambda i: -score[i])[:k]
    label = (actual > 1).astype(np.float64)
    share = sum(label[i] for i in top) / k
    assert metrics.precision_at_k(label, score, 0.2) == pytest.approx(share)
    fast = metrics.top_decile_share(actual, score, 0.2)
    if actual.sum() > 0:
        assert fast == pytest.approx(sum(actual[i] for i in top) / actual.sum())
    else:
        assert math.isnan(fast)


def test_interval_coverage_counts_both_ends_and_takes_negative_as_zero() -> None:
    actual = np.array([-3.0, 1.0, 2.0, 5.0])
    lower = np.array([0.0, 1.0, 2.5, 1.0])
    upper = np.array([1.0, 2.0, 3.0, 5.0])
    assert metrics.interval_coverage(actual, lower, upper) == 0.75


@given(MONEY)
def test_lift_is_the_mean_of_the_top_over_the_mean_of_all(rows: list[tuple[float, float]]) -> None:
    actual, score = _split(rows)
    k = max(1, round(0.2 * len(actual)))
    top = sorted(range(len(actual)), key=lambda i: -score[i])[:k]
    fast = metrics.top_decile_lift(actual, score, 0.2)
    if actual.sum() > 0:
        assert fast == pytest.approx(sum(actual[i] for i in top) / k / actual.mean())
    else:
        assert math.isnan(fast)


def test_bias_by_hand() -> None:
    actual, guess = np.array([0.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0])
    assert metrics.relative_bias(actual, guess) == pytest.approx(-0.25)
    assert metrics.probability_bias(np.array([0.0, 1.0]), np.array([0.9, 0.5])) == pytest.approx(
        0.2
    )
    assert math.isnan(metrics.relative_bias(np.zeros(3), guess))


def test_what_is_not_defined_is_nan() -> None:
    none = np.array([])
    pairwise = (
        metrics.auc,
        metrics.pr_auc,
        metrics.log_loss,
        metrics.brier,
        metrics.ece,
        metrics.precision_at_k,
        metrics.mae,
        metrics.rmse,
        metrics.spearman,
        metrics.normalised_gini,
        metrics.decile_mape,
        metrics.top_decile_share,
        metrics.top_decile_lift,
        metrics.relative_bias,
        metrics.probability_bias,
    )
    for metric in pairwise:
        assert math.isnan(metric(none, none)), metric.__name__
    assert math.isnan(metrics.interval_coverage(none, none, none))
