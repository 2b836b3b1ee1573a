"""The baseline: a mix that can be recomputed by hand and is positive for everybody."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.dataset import TrainingSet
from training.models import btyd, gamma_gamma
from training.models.baseline import (
    INPUTS,
    Baseline,
    PurchaseModel,
    baseline,
    fit_purchase_model,
    plain,
)
from training.models.btyd import BtydFit
from training.models.gamma_gamma import GammaGammaFit
from training.recipe import Recipe
from training.splits import OriginPlan

MODEL = PurchaseModel(
    BtydFit("mbgnbd", 0.8, 6.0, 0.9, 2.5, 0.0, True, 1),
    GammaGammaFit(4.0, 3.5, 20.0, 0.0, True, 1),
)


def test_one_customer_by_hand(recipe: Recipe) -> None:
    mix = recipe.baseline.model_copy(update={"btyd_weight": 0.5, "order_value_share": 0.01})
    row = np.array([[3.0, 120.0, 200.0, 50.0, 210.0]])
    ours = baseline(MODEL, INPUTS, row, 90, mix)
    x, t_x, T, m = (np.array([v]) for v in (3.0, 120.0, 200.0, 50.0))
    purchases = btyd.expected_transactions(MODEL.btyd, x, t_x, T, 90)[0]
    order = gamma_gamma.expected_order_value(MODEL.spend, x, m)[0]
    run_rate = 210.0 * 90 / 200
    assert ours.run_rate[0] == pytest.approx(run_rate)
    assert ours.value[0] == pytest.approx(0.5 * purchases * order + 0.5 * run_rate + 0.01 * order)
    none = btyd.no_purchase_probability(MODEL.btyd, x, t_x, T, 90)[0]
    assert ours.churn_log_odds[0] == pytest.approx(np.log(none / (1 - none)))


def test_run_rate_spreads_a_newcomer_and_caps_at_a_year(recipe: Recipe) -> None:
    rows = np.array([[0.0, 0.0, 5.0, np.nan, 100.0], [0.0, 0.0, 900.0, np.nan, 100.0]])
    ours = baseline(MODEL, INPUTS, rows, 73, recipe.baseline)
    assert ours.run_rate.tolist() == [
        pytest.approx(100.0 * 73 / recipe.baseline.min_observed_days),
        pytest.approx(20.0),
    ]


@given(
    x=st.floats(0, 1000) | st.just(float("nan")),
    t_x=st.floats(0, 5000) | st.just(float("nan")),
    T=st.floats(0, 5000) | st.just(float("nan")),
    m=st.floats(-1e6, 1e6) | st.just(float("nan")),
    spend=st.floats(-1e7, 1e7) | st.just(float("nan")),
)
def test_odd_customers_keep_a_positive_finite_baseline(
    recipe: Recipe, x: float, t_x: float, T: float, m: float, spend: float
) -> None:
    ours = baseline(MODEL, INPUTS, np.array([[x, t_x, T, m, spend]]), 90, recipe.baseline)
    assert 0.0 < ours.value[0] < np.inf
    assert np.isfinite(ours.churn_log_odds[0])
    assert 0.0 <= ours.p_alive[0] <= 1.0


def test_it_is_fitted_to_all_customers_and_survives_json(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    day = data.on(plan.serve_day)
    fit = fit_purchase_model(day.columns, day.values, recipe.btyd)
    assert fit.btyd.n == len(day)
    assert fit.btyd.kind == "mbgnbd"
    assert PurchaseModel.from_dict(json.loads(json.dumps(fit.to_dict()))) == fit


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["bgnbd", "mbgnbd"]),
    a=st.sampled_from([0.3, 1.0, 1.000001, 2.7]),
    n=st.sampled_from([1, 40]),
)
def test_compiled_to_the_same_bits(
    recipe: Recipe, seed: int, kind: btyd.Kind, a: float, n: int
) -> None:
    rng = np.random.default_rng(seed)
    fit = BtydFit(kind, *np.exp(rng.normal(size=2)), a, float(np.exp(rng.normal())), 0.0, True, 1)
    model = PurchaseModel(fit, GammaGammaFit(4.0, 3.5, 20.0, 0.0, True, 1))
    tenure = np.round(rng.exponential(300.0, n))
    rows = np.column_stack(
        [
            rng.poisson(rng.exponential(8.0, n)),
            np.round(tenure * rng.random(n)),
            tenure,
            rng.normal(50.0, 60.0, n),
            rng.normal(200.0, 300.0, n),
        ]
    )
    odd = np.array([np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0, 1e300])
    rows = np.where(rng.random(rows.shape) < 0.15, rng.choice(odd, rows.shape), rows)
    with np.errstate(all="ignore"):
        ours = baseline(model, INPUTS, rows, 90, recipe.baseline)
        expected = plain(model, INPUTS, rows, 90, recipe.baseline)
    for field in fields(Baseline):
        one, other = getattr(ours, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(one, other, err_msg=field.name)
        assert np.array_equal(np.signbit(one[one == 0]), np.signbit(other[other == 0])), field.name
