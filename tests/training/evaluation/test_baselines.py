"""Baselines against values worked out independently."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.schema import CATALOGUE, FloatArray
from training.dataset import TrainingSet
from training.evaluation import metrics
from training.evaluation.baselines import CHURN, LTV, churn_baselines, ltv_baselines, purchase_model
from training.evaluation.plain import plain_ltv
from training.recipe import Recipe
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def parts(data: TrainingSet, plan: OriginPlan) -> tuple[TrainingSet, TrainingSet, TrainingSet]:
    """Training rows, eligible rows and all rows of the last backtest origin."""
    origin = plan.backtest[-1]
    train = data.on(origin.churn.train_days)
    everyone = data.on(origin.day)
    return train.where(train.eligible), everyone.where(everyone.eligible), everyone


def churned(
    train: TrainingSet, test: TrainingSet, everyone: TrainingSet, recipe: Recipe
) -> dict[str, FloatArray]:
    purchase, horizon = purchase_model(everyone, recipe), recipe.churn.horizon_days
    return churn_baselines(train, train.churned, test, purchase, horizon, recipe)


def test_churn_baselines_are_probabilities_that_know_something(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    found = churned(train, test, everyone, recipe)
    assert set(found) == set(CHURN)
    for probability in found.values():
        assert probability.shape == (len(test),)
        assert ((probability >= 0) & (probability <= 1)).all()
    assert np.unique(found["base_rate"]).tolist() == [train.churned.mean()]
    quality = {name: metrics.auc(test.churned, p) for name, p in found.items()}
    assert quality["base_rate"] == 0.5
    assert min(value for name, value in quality.items() if name != "base_rate") > 0.6


def test_recency_rises_with_the_days_since_the_last_order(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    found = churned(train, test, everyone, recipe)["recency"]
    order = np.argsort(test.column("days_since_last_order"))
    assert (np.diff(found[order]) >= -1e-12).all()


def test_where_all_churned_the_baselines_say_so(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    gone = replace(train, churned=np.ones(len(train)))
    found = churned(gone, test, everyone, recipe)
    assert (found["logistic"] == 1.0).all()
    assert (found["plain_lightgbm"] == 1.0).all()


def test_ltv_baselines_by_hand(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    last_year = test.columns.index("net_amount_next_90d_last_year")
    values = test.values.copy()
    values[0, last_year] = 90.0
    test = replace(test, values=values)
    horizon = recipe.ltv.horizon_days
    purchase = purchase_model(everyone, recipe)
    found = ltv_baselines(train, train.net_value, test, purchase, horizon, recipe)
    assert set(found) == set(LTV)
    assert horizon == 60
    row = int(np.argmax(test.column("tenure_days")))
    # the nearest window to 60 days is 30 (30 and 90 are as near; the shorter is taken)
    recent = test.column("net_amount_30d")[row]
    shortest = max(30, min(30, recipe.baseline.min_observed_days))
    assert found["same_length"][row] == pytest.approx(recent * horizon / shortest)
    spent, tenure = test.column("net_amount_365d")[row], test.column("tenure_days")[row]
    assert found["run_rate"][row] == pytest.approx(spent * horizon / min(tenure, 365.0))
    assert found["last_year"][0] == pytest.approx(60.0)
    assert np.isnan(found["last_year"][1:]).all()
    assert (found["purchase_model"] >= 0).all()
    # fitted to amounts: in money, ordered like it, and never below nothing
    for name in ("plain_lightgbm", "log_lightgbm"):
        assert (found[name] >= 0).all()
        assert metrics.spearman(test.net_value, found[name]) > 0.4
    assert found["plain_lightgbm"].sum() == pytest.approx(test.net_value.sum(), rel=0.5)


def test_plain_trees_see_raw_inputs_that_models_may_use_and_repeat_themselves(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, _ = parts
    found = plain_ltv(train, train.net_value, test, recipe)
    assert np.array_equal(found, plain_ltv(train, train.net_value, test, recipe))
    hidden = [i for i, name in enumerate(test.columns) if not CATALOGUE[name].model_input]
    values = test.values.copy()
    values[:, hidden] = 1e9
    assert hidden
    assert np.array_equal(
        found, plain_ltv(train, train.net_value, replace(test, values=values), recipe)
    )
    assert (plain_ltv(train, np.zeros(len(train)), test, recipe) == 0).all()
