"""The churn model: learns what can be learned, from closed labels only."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from training.dataset import TrainingSet
from training.errors import FitError
from training.evaluation import metrics
from training.models.boosting import Boosted
from training.models.churn import ChurnModel, coherent, fit_churn
from training.models.ltv import fit_ltv
from training.recipe import Recipe
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def model(data: TrainingSet, plan: OriginPlan, recipe: Recipe) -> ChurnModel:
    return fit_churn(data, plan.backtest[-1].churn, recipe)


def _texts(model: ChurnModel) -> dict[str, str]:
    return {name: each.text for name, each in model.correction.trees.items()}


def test_it_ranks_and_is_calibrated_on_unseen_labels(
    model: ChurnModel, data: TrainingSet, plan: OriginPlan
) -> None:
    test = data.on(plan.backtest[-1].day)
    test = test.where(test.eligible)
    p, _ = model.predict(test.columns, test.values)
    recency = test.column("days_since_last_order")
    assert metrics.auc(test.churned, p) > metrics.auc(test.churned, recency)
    assert metrics.brier(test.churned, p) < float(np.var(test.churned))
    assert abs(float(p.mean() - test.churned.mean())) < 0.08


def test_labels_that_close_later_cannot_matter(
    model: ChurnModel, data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    """Scramble every label of a day the fold may not use: the model stays the same."""
    fold = plan.backtest[-1].churn
    forbidden = ~np.isin(data.as_of, np.array(fold.train_days, dtype="datetime64[D]"))
    noise = np.random.default_rng(1).integers(0, 2, len(data)).astype(np.float64)
    scrambled = TrainingSet(
        data.columns,
        data.values,
        data.customer_id,
        data.as_of,
        np.where(forbidden, noise, data.churned),
        data.net_value,
        data.eligible,
    )
    again = fit_churn(scrambled, fold, recipe)
    assert again.to_dict() == model.to_dict()
    assert _texts(again) == _texts(model)


def test_the_explanation_leads_to_the_probability(model: ChurnModel, data: TrainingSet) -> None:
    values = data.values[:200]
    told = model.attribution(data.columns, values)
    np.testing.assert_allclose(
        told.base_margin + told.phi.sum(axis=1), told.margin, rtol=0, atol=1e-9
    )
    p, _ = model.predict(data.columns, values)
    assert np.array_equal(told.value_at(told.margin), p)
    assert told.names == (*data.columns, "baseline")


def test_a_model_survives_json(model: ChurnModel, data: TrainingSet) -> None:
    text = json.dumps(model.to_dict())
    trees = {name: Boosted(each.text) for name, each in model.correction.trees.items()}
    again = ChurnModel.from_dict(json.loads(text), trees)
    ours, _ = model.predict(data.columns, data.values)
    theirs, _ = again.predict(data.columns, data.values)
    assert np.array_equal(ours, theirs)


def test_a_world_without_churn_is_refused(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    loyal = TrainingSet(
        data.columns,
        data.values,
        data.customer_id,
        data.as_of,
        np.zeros(len(data)),
        data.net_value,
        data.eligible,
    )
    with pytest.raises(FitError, match="0 churned within 60 days"):
        fit_churn(loyal, plan.final.churn, recipe)


def test_days_on_which_nobody_buys_any_more_are_named(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    empty = replace(data, eligible=np.zeros(len(data), dtype=np.bool_))
    days = recipe.eligibility.active_within_days
    last = max(plan.final.churn.train_days)
    with pytest.raises(FitError, match=f"bought within {days} days before {last}") as caught:
        fit_churn(empty, plan.final.churn, recipe)
    assert "Is the last day of the data right?" in str(caught.value.hint)
    with pytest.raises(FitError, match=f"bought within {days} days before"):
        fit_ltv(empty, plan.final.ltv, recipe)


def test_as_many_are_expected_to_leave_as_the_purchase_model_says(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    """Without a share of past error the level is that of the day of service, to the digit."""
    section = recipe.regression.model_copy(update={"level_share": 0.0})
    chosen = recipe.model_copy(update={"regression": section})
    fold = plan.backtest[-1].churn
    correction = fit_churn(data, fold, chosen).correction
    today = data.on(fold.test_day)
    today = today.where(today.eligible)
    margin, start = correction.margin(today.columns, today.values)
    expected = float(expit(start.churn_log_odds).mean())
    assert float(expit(margin).mean()) == pytest.approx(expected, abs=1e-9)


def test_the_level_takes_over_a_share_of_the_past_error(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    levels = []
    for share in (0.0, 0.5, 1.0):
        section = recipe.regression.model_copy(update={"level_share": share})
        chosen = recipe.model_copy(update={"regression": section})
        model = fit_churn(data, plan.backtest[-1].churn, chosen)
        levels.append(model.correction.level)
    assert len(set(levels)) == 3
    assert levels == sorted(levels) or levels == sorted(levels, reverse=True)


@given(
    st.lists(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3), min_size=4, max_size=4),
    st.sampled_from([30, 60, 90, 180]),
)
def test_horizons_never_contradict_each_other(table: list[list[float]], anchor: int) -> None:
    curve = dict(zip((30, 60, 90, 180), map(np.array, table), strict=True))
    found = coherent(curve, anchor)
    assert list(found) == [30, 60, 90, 180]
    assert np.array_equal(found[anchor], curve[anchor])
    assert np.all(np.diff(np.stack(list(found.values())), axis=0) <= 0.0)


def test_a_coherent_curve_is_left_alone() -> None:
    curve = {30: np.array([0.9, 0.5]), 60: np.array([0.7, 0.5]), 90: np.array([0.1, 0.2])}
    found = coherent(curve, 60)
    assert all(np.array_equal(found[days], curve[days]) for days in curve)
