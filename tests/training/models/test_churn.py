"""The churn model: learns what can be learned, from closed labels only."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from training.dataset import TrainingSet
from training.errors import FitError
from training.evaluation import metrics
from training.models.boosting import Boosted
from training.models.churn import ChurnModel, fit_churn
from training.models.ltv import fit_ltv
from training.recipe import Recipe
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def model(data: TrainingSet, plan: OriginPlan, recipe: Recipe) -> ChurnModel:
    return fit_churn(data, plan.backtest[-1].churn, recipe)


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
    """Scramble every label of a day the fold may not use: the model stays the same text."""
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
    assert again.correction.boosted.text == model.correction.boosted.text
    assert again.to_dict() == model.to_dict()


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
    again = ChurnModel.from_dict(json.loads(text), Boosted(model.correction.boosted.text))
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
    last = max(plan.final.churn.fit_days)
    with pytest.raises(FitError, match=f"bought within {days} days before {last}") as caught:
        fit_churn(empty, plan.final.churn, recipe)
    assert "Is the last day of the data right?" in str(caught.value.hint)
    with pytest.raises(FitError, match=f"bought within {days} days before"):
        fit_ltv(empty, plan.final.ltv, recipe)
