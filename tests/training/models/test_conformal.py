"""Intervals: coverage on exchangeable data, order, bounds around the prediction."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FloatArray
from training.errors import FitError
from training.evaluation.metrics import interval_coverage
from training.models.conformal import IntervalModel, fit_intervals


def _market(seed: int, n: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    predicted = rng.lognormal(4, 1.2, n)
    stays = rng.random(n) < np.clip(predicted / 200, 0.2, 0.95)
    return predicted, np.where(stays, predicted * rng.lognormal(0, 0.7, n), 0.0)


@pytest.mark.parametrize("nominal", [0.8, 0.9])
def test_coverage_on_new_customers_is_the_nominal(nominal: float) -> None:
    predicted, actual = _market(1, 4000)
    fit = fit_intervals(predicted, actual, nominal=nominal, classes=5)
    fresh, came = _market(2, 20_000)
    lower, upper = fit.bounds(fresh)
    # zeros below, and straight lines between classes, cover a little more than asked
    assert nominal - 0.03 < interval_coverage(came, lower, upper) < nominal + 0.08


def test_quantiles_are_the_conformal_order_statistics() -> None:
    ratio = np.arange(1.0, 100.0)  # 99 ratios 1..99
    fit = fit_intervals(np.ones(99), ratio, nominal=0.9, classes=1)
    # ranks floor(.05 * 100) = 5 and ceil(.95 * 100) = 95
    assert fit.lower.tolist() == [5.0]
    assert fit.upper.tolist() == [95.0]


@given(seed=st.integers(0, 1000), n=st.integers(20, 400), classes=st.integers(1, 8))
def test_bounds_enclose_the_prediction_and_keep_its_order(seed: int, n: int, classes: int) -> None:
    predicted, actual = _market(seed, n)
    fit = fit_intervals(predicted, actual - 5.0, nominal=0.9, classes=classes)
    grid = np.exp(np.linspace(-6, 14, 800))
    lower, upper = fit.bounds(grid)
    assert np.all(lower >= 0)
    assert np.all(lower <= grid)
    assert np.all(upper >= grid)
    assert np.all(np.diff(lower) >= -1e-9 * grid[1:])
    assert np.all(np.diff(upper) >= -1e-9 * grid[1:])


def test_few_customers_make_few_classes() -> None:
    predicted, actual = _market(3, 90)
    assert len(fit_intervals(predicted, actual, nominal=0.9, classes=5).centre) == 2


def test_equal_predictions_share_one_class() -> None:
    fit = fit_intervals(np.full(200, 7.0), np.arange(200.0), nominal=0.9, classes=5)
    assert fit.centre.tolist() == [7.0]


def test_beyond_the_largest_class_its_ratio_carries_on() -> None:
    fit = IntervalModel(0.9, np.array([1.0, 10.0]), np.array([0.0, 2.0]), np.array([4.0, 30.0]))
    lower, upper = fit.bounds(np.array([0.5, 1.0, 5.5, 10.0, 100.0]))
    assert lower.tolist() == [0.0, 0.0, 1.0, 2.0, 20.0]
    assert upper.tolist() == [2.0, 4.0, 17.0, 30.0, 300.0]


def test_a_fit_survives_json_bit_for_bit() -> None:
    predicted, actual = _market(5, 500)
    fit = fit_intervals(predicted, actual, nominal=0.9, classes=4)
    again = IntervalModel.from_dict(json.loads(json.dumps(fit.to_dict())))
    for ours, theirs in zip(fit.bounds(predicted), again.bounds(predicted), strict=True):
        assert np.array_equal(ours, theirs)


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(FitError, match="20 eligible"):
        fit_intervals(np.ones(5), np.ones(5), nominal=0.9, classes=5)
