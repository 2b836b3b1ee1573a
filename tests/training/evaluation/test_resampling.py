"""Weighted metrics against the plain ones on rows that are really repeated."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FloatArray
from training.evaluation import metrics, resampling
from training.evaluation.resampling import Order

ROW = st.tuples(
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9]),
    st.sampled_from([0.0, 0.0, 1.0, 3.0, 40.0]),
    st.integers(0, 3),
)
ROWS = st.lists(ROW, min_size=3, max_size=25).filter(lambda rows: any(r[3] for r in rows))


def assert_same(found: FloatArray, expected: float) -> None:
    if math.isnan(expected):
        assert math.isnan(found[0])
    else:
        assert found[0] == pytest.approx(expected, abs=1e-9)


def parts(rows: list[tuple[float, float, float, int]]) -> tuple[FloatArray, ...]:
    label, score, money, count = (np.array(c, dtype=np.float64) for c in zip(*rows, strict=True))
    times = count.astype(np.int64)
    repeated = tuple(np.repeat(c, times) for c in (label, score, money))
    return label, score, money, count[None, :], *repeated


@given(ROWS)
def test_ranking_of_labels(rows: list[tuple[float, float, float, int]]) -> None:
    label, score, _, weight, labels, scores, _ = parts(rows)
    order = Order.of(score)
    assert_same(resampling.auc(order, label, weight), metrics.auc(labels, scores))
    assert_same(resampling.pr_auc(order, label, weight), metrics.pr_auc(labels, scores))
    assert_same(resampling.mean(label, weight), float(labels.mean()))


@given(ROWS)
def test_ranking_of_money(rows: list[tuple[float, float, float, int]]) -> None:
    _, score, money, weight, _, scores, moneys = parts(rows)
    by_money, by_score = Order.of(money).middle(weight), Order.of(score).middle(weight)
    assert_same(resampling.spearman(by_money, by_score, weight), metrics.spearman(moneys, scores))
    found = resampling.normalised_gini(money, by_money, by_score, weight)
    expected = metrics.normalised_gini(moneys, scores)
    if len(set(moneys)) > 1:  # equal amounts: rounding decides between 0/0 and NaN
        assert_same(found, expected)


@pytest.mark.parametrize("bins", [3, 10])
@given(rows=ROWS)
def test_bins_cut_where_array_split_cuts(
    rows: list[tuple[float, float, float, int]], bins: int
) -> None:
    _, score, money, weight, *_ = parts(rows)
    order = Order.of(score)
    moneys = np.repeat(money[order.rows], weight[0, order.rows].astype(np.int64))
    size, total = resampling.bin_sums(order, (money,), weight, bins)
    split = np.array_split(moneys, bins)
    np.testing.assert_allclose(size[0], [len(part) for part in split])
    np.testing.assert_allclose(total[0], [part.sum() for part in split], atol=1e-9)


@pytest.mark.parametrize(
    ("weighted", "plain"),
    [
        (resampling.ece, metrics.ece),
        (resampling.decile_mape, metrics.decile_mape),
    ],
)
def test_binned_metrics_with_every_row_once(
    weighted: Callable[..., FloatArray], plain: Callable[..., float]
) -> None:
    rng = np.random.default_rng(4)
    score = rng.random(207)
    actual = (rng.random(207) < score).astype(np.float64)
    found = weighted(Order.of(score), actual, score, np.ones((1, 207)))
    assert found[0] == pytest.approx(plain(actual, score))


def test_the_top_with_every_row_once() -> None:
    rng = np.random.default_rng(4)
    score, money = rng.random(207), rng.lognormal(size=207)
    found = resampling.top_mean(Order.of(score), money, np.ones((1, 207)), 0.1)
    assert found[0] * 21 / money.sum() == pytest.approx(metrics.top_decile_share(money, score))
