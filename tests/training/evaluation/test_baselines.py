"""Baselines against values worked out independently."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.dataset import TrainingSet
from training.evaluation import metrics
from training.evaluation.baselines import CHURN, LTV, churn_baselines, ltv_baselines, purchase_model
from training.recipe import Recipe
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def parts(data: TrainingSet, plan: OriginPlan) -> tuple[TrainingSet, TrainingSet, TrainingSet]:
    """Training rows, eligible rows and all rows of the last backtest origin."""
    origin = plan.backtest[-1]
    train = data.on(origin.churn.train_days)
    everyone = data.on(origin.day)
    return train.where(train.eligible), everyone.where(everyone.eligible), everyone


def test_churn_baselines_are_probabilities_that_know_something(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    found = churn_baselines(train, test, purchase_model(everyone, recipe), recipe)
    assert set(found) == set(CHURN)
    for probability in found.values():
        assert probability.shape == (len(test),)
        assert ((probability >= 0) & (probability <= 1)).all()
    assert np.unique(found["base_rate"]).tolist() == [train.churned.mean()]
    quality = {name: metrics.auc(test.churned, p) for name, p in found.items()}
    assert quality["base_rate"] == 0.5
    assert min(quality["recency"], quality["purchase_model"], quality["logistic"]) > 0.6


def test_recency_rises_with_the_days_since_the_last_order(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    found = churn_baselines(train, test, purchase_model(everyone, recipe), recipe)["recency"]
    order = np.argsort(test.column("days_since_last_order"))
    assert (np.diff(found[order]) >= -1e-12).all()


def test_where_all_churned_the_baselines_say_so(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    train, test, everyone = parts
    gone = replace(train, churned=np.ones(len(train)))
    found = churn_baselines(gone, test, purchase_model(everyone, recipe), recipe)
    assert (found["logistic"] == 1.0).all()


def test_ltv_baselines_by_hand(
    parts: tuple[TrainingSet, TrainingSet, TrainingSet], recipe: Recipe
) -> None:
    _, test, everyone = parts
    last_year = test.columns.index("net_amount_next_90d_last_year")
    values = test.values.copy()
    values[0, last_year] = 90.0
    test = replace(test, values=values)
    found = ltv_baselines(test, purchase_model(everyone, recipe), recipe)
    assert set(found) == set(LTV)
    horizon = recipe.ltv.horizon_days
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
