"""The LTV model: an expectation that keeps scale, with honest intervals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features.schema import CATALOGUE
from training.dataset import TrainingSet
from training.errors import FitError
from training.evaluation import metrics
from training.models.boosting import Boosted
from training.models.ltv import LtvModel, fit_ltv
from training.recipe import Recipe
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def model(data: TrainingSet, plan: OriginPlan, recipe: Recipe) -> LtvModel:
    return fit_ltv(data, plan.backtest[-1].ltv, recipe)


def test_it_beats_the_run_rate_on_unseen_outcomes(
    model: LtvModel, data: TrainingSet, plan: OriginPlan
) -> None:
    test = data.on(plan.backtest[-1].day)
    test = test.where(test.eligible)
    predicted = model.predict(test.columns, test.values)
    rate = model.correction.baseline(test.columns, test.values).run_rate
    assert metrics.mae(test.net_value, predicted) < metrics.mae(test.net_value, rate)
    ranking = metrics.normalised_gini(test.net_value, predicted)
    assert ranking > metrics.normalised_gini(test.net_value, rate)
    assert float(predicted.sum()) == pytest.approx(float(test.net_value.sum()), rel=0.35)
    coverage = metrics.interval_coverage(test.net_value, *model.intervals.bounds(predicted))
    assert 0.8 < coverage < 1.0


def test_wider_intervals_hold_more(model: LtvModel, data: TrainingSet, plan: OriginPlan) -> None:
    test = data.on(plan.backtest[-1].day)
    test = test.where(test.eligible)
    predicted = model.predict(test.columns, test.values)
    assert [each.nominal for each in model.others] == [0.8, 0.95]
    held = [
        metrics.interval_coverage(test.net_value, *each.bounds(predicted)) for each in model.others
    ]
    assert 0.7 < held[0] < held[1]


def test_the_prediction_lies_between_mean_and_median(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    """The log of the prediction is the mix of both logs that the recipe names."""
    fold = plan.backtest[-1].ltv
    logs = {}
    for share in (0.0, 0.25, 1.0):
        median = recipe.lightgbm.ltv_median.model_copy(update={"share": share})
        trees = recipe.lightgbm.model_copy(update={"ltv_median": median})
        model = fit_ltv(data, fold, recipe.model_copy(update={"lightgbm": trees}))
        logs[share], _ = model.correction.shifted(0.0).margin(data.columns, data.values)
    np.testing.assert_allclose(logs[0.25], 0.75 * logs[0.0] + 0.25 * logs[1.0], atol=1e-9)
    assert float(np.abs(logs[1.0] - logs[0.0]).max()) > 0.05


def test_labels_that_close_later_cannot_matter(
    model: LtvModel, data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    fold = plan.backtest[-1].ltv
    forbidden = ~np.isin(data.as_of, np.array(fold.train_days, dtype="datetime64[D]"))
    scrambled = replace(data, net_value=np.where(forbidden, 1e9, data.net_value))
    again = fit_ltv(scrambled, fold, recipe)
    assert again.to_dict() == model.to_dict()
    assert {name: each.text for name, each in again.correction.trees.items()} == {
        name: each.text for name, each in model.correction.trees.items()
    }


def test_the_total_is_the_purchase_models_and_a_share_of_its_past_error(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    fold = plan.backtest[-1].ltv
    today = data.on(fold.test_day)
    today = today.where(today.eligible)
    totals = []
    for share in (0.0, 0.5, 1.0):
        intervals = recipe.intervals.model_copy(update={"bias_shrinkage": share})
        model = fit_ltv(data, fold, recipe.model_copy(update={"intervals": intervals}))
        totals.append(float(np.log(model.predict(today.columns, today.values).sum())))
    expected = model.correction.baseline(today.columns, today.values).btyd_value
    assert totals[0] == pytest.approx(float(np.log(expected.sum())), abs=1e-6)
    assert totals[1] == pytest.approx((totals[0] + totals[2]) / 2, abs=1e-6)
    assert abs(totals[2] - totals[0]) > 0.001


def test_another_currency_gives_the_same_model(
    model: LtvModel, data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    money = np.array([CATALOGUE[name].unit == "money" for name in data.columns])
    factor = 128.0  # a power of two: exact in floating point
    cents = replace(
        data,
        values=np.where(money, data.values * factor, data.values),
        net_value=data.net_value * factor,
    )
    there = fit_ltv(cents, plan.backtest[-1].ltv, recipe)
    np.testing.assert_allclose(
        there.predict(cents.columns, cents.values),
        model.predict(data.columns, data.values) * factor,
        rtol=1e-9,
    )


def test_the_explanation_leads_to_the_amount(model: LtvModel, data: TrainingSet) -> None:
    values = data.values[:200]
    told = model.attribution(data.columns, values)
    np.testing.assert_allclose(
        told.base_margin + told.phi.sum(axis=1), told.margin, rtol=0, atol=1e-9
    )
    assert np.array_equal(told.value_at(told.margin), model.predict(data.columns, values))


def test_baseline_contributions_are_centred_on_the_typical_customer(
    model: LtvModel, data: TrainingSet, plan: OriginPlan
) -> None:
    learned = data.on(plan.backtest[-1].ltv.train_days)
    learned = learned.where(learned.eligible)
    told = model.attribution(learned.columns, learned.values)
    offset = np.log(model.correction.baseline(learned.columns, learned.values).value)
    assert model.correction.typical_offset == pytest.approx(float(offset.mean()))
    # so contributions are around zero, and the base is near the mean margin
    assert abs(float(told.phi.sum(axis=1).mean())) < 0.1


def test_a_model_survives_json(model: LtvModel, data: TrainingSet) -> None:
    text = json.dumps(model.to_dict())
    trees = {name: Boosted(each.text) for name, each in model.correction.trees.items()}
    again = LtvModel.from_dict(json.loads(text), trees)
    assert again.to_dict() == model.to_dict()
    ours = model.predict(data.columns, data.values)
    assert np.array_equal(again.predict(data.columns, data.values), ours)


def test_customers_who_only_return_goods_are_expected_to_spend_a_little(
    model: LtvModel, data: TrainingSet
) -> None:
    odd = data.values[:50].copy()
    for index, name in enumerate(data.columns):
        if CATALOGUE[name].unit == "money":
            odd[:, index] = -np.abs(odd[:, index])
    predicted = model.predict(data.columns, odd)
    assert np.all(predicted > 0)
    assert np.all(np.isfinite(predicted))


def test_a_world_without_money_is_refused(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    free = replace(data, net_value=np.zeros(len(data)))
    with pytest.raises(FitError, match="no spend in 60 days"):
        fit_ltv(free, plan.final.ltv, recipe)


def test_levels_are_tried_without_asking_the_trees_again(
    model: LtvModel, data: TrainingSet
) -> None:
    correction = model.correction
    start, margin = correction.by_level(data.columns, data.values)
    for level in (-0.7, correction.level, 0.3):
        found, today = correction.shifted(level).margin(data.columns, data.values)
        assert np.array_equal(margin(level), found)
        assert np.array_equal(today.value, start.value)
