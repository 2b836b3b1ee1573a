"""Platt calibration: it finds the true map, keeps the order, and never turns it round."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from training.errors import FitError
from training.models.calibration import Platt, fit_platt


def test_the_true_map_is_found() -> None:
    rng = np.random.default_rng(1)
    margin = rng.normal(0, 2, 40_000)
    label = (rng.random(40_000) < expit(0.6 * margin - 0.8)).astype(np.float64)
    fit = fit_platt(margin, label)
    assert fit.slope == pytest.approx(0.6, abs=0.03)
    assert fit.intercept == pytest.approx(-0.8, abs=0.04)
    oracle = LogisticRegression(C=1e9).fit(margin[:, None], label)
    assert fit.slope == pytest.approx(float(oracle.coef_[0, 0]), abs=2e-3)
    assert fit.intercept == pytest.approx(float(oracle.intercept_[0]), abs=2e-3)


def test_the_order_of_margins_is_kept() -> None:
    fit = Platt(0.7, -1.0)
    margin = np.linspace(-20, 20, 2001)
    assert np.all(np.diff(fit.probability(margin)) > 0)


def test_a_misleading_day_flattens_but_never_inverts() -> None:
    margin = np.linspace(-3, 3, 200)
    fit = fit_platt(margin, (margin < 0).astype(np.float64))
    assert fit.slope > 0


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_gives_a_finite_probability(label: float) -> None:
    fit = fit_platt(np.linspace(-1, 1, 50), np.full(50, label))
    p = fit.probability(np.array([0.0]))[0]
    assert 0.0 < p < 1.0
    assert abs(p - label) < 0.1


def test_a_fit_survives_json_bit_for_bit() -> None:
    fit = fit_platt(np.linspace(-1, 1, 50), (np.arange(50) % 3 == 0).astype(np.float64))
    assert Platt.from_dict(json.loads(json.dumps(fit.to_dict()))) == fit


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(FitError, match="20 eligible"):
        fit_platt(np.zeros(5), np.zeros(5))


def test_a_part_of_the_level_is_kept_and_the_whole_slope() -> None:
    rng = np.random.default_rng(2)
    margin = rng.normal(0.5, 2, 5000)
    label = (rng.random(5000) < expit(0.7 * margin - 1.5)).astype(np.float64)
    whole, half, none = (fit_platt(margin, label, level_share=s) for s in (1.0, 0.5, 0.0))
    assert whole.slope == half.slope == none.slope
    assert half.intercept == pytest.approx((whole.intercept + none.intercept) / 2)
    assert none.probability(margin).mean() == pytest.approx(expit(margin).mean())
    assert whole.probability(margin).mean() == pytest.approx(label.mean(), abs=1e-3)
