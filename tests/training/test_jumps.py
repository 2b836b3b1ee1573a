"""Challenged jumps (#7): nothing is learned from them, and they are judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import TrainingSet, challenged
from training.evaluation.backtest import run_backtest
from training.fitting import Provenance, fit_bundle
from training.recipe import Recipe
from training.splits import Origin, OriginPlan

PROVENANCE = Provenance("small", "EUR", True, "0" * 64, "test")
MONEY = ("net_amount_90d", "net_amount_180d", "net_amount_365d", "repeat_order_value_mean")


@pytest.fixture(scope="module")
def jumped(data: TrainingSet) -> npt.NDArray[np.bool_]:
    """Every thirtieth customer, on all its days."""
    return np.array([int(customer[1:]) % 30 == 0 for customer in data.customer_id])


def with_jumps(
    data: TrainingSet, jumped: npt.NDArray[np.bool_], *, factor: float = 1.0, ratio: float = 12.0
) -> TrainingSet:
    """Mark rows as jumped, and let their amounts and outcomes be so many times as large."""
    values = data.values.copy()
    values[:, data.columns.index("largest_order_ratio_730d")] = np.where(jumped, ratio, 2.0)
    for name in MONEY:
        values[jumped, data.columns.index(name)] *= factor
    net_value = np.where(jumped, data.net_value * factor, data.net_value)
    return replace(data, values=values, net_value=net_value)


def fitted(data: TrainingSet, origin: Origin, recipe: Recipe) -> Bundle:
    return fit_bundle(data, origin, recipe, load_scheme(), PROVENANCE)


def test_what_was_not_explained_leaves_no_trace_in_the_models(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, jumped: npt.NDArray[np.bool_]
) -> None:
    small = fitted(with_jumps(data, jumped), plan.final, recipe)
    huge = fitted(with_jumps(data, jumped, factor=1000.0), plan.final, recipe)
    assert huge.churn.to_dict() == small.churn.to_dict()
    assert huge.ltv.to_dict() == small.ltv.to_dict()
    assert huge.reference.to_dict() == small.reference.to_dict()
    for name, trees in huge.ltv.correction.trees.items():
        assert trees.text == small.ltv.correction.trees[name].text
    # The same rows below the limit would have been learned: the test can fail.
    believed = with_jumps(data, jumped, factor=1000.0, ratio=9.9)
    assert fitted(believed, plan.final, recipe).ltv.to_dict() != small.ltv.to_dict()


def test_the_report_says_how_many_were_left_out_and_judges_them(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, jumped: npt.NDArray[np.bool_]
) -> None:
    marked = with_jumps(data, jumped)
    short = replace(plan, backtest=plan.backtest[-1:])
    report = run_backtest(marked, short, recipe, lambda o: fitted(marked, o, recipe))
    (count,) = report.counts
    origin = short.backtest[0]
    test = marked.on(origin.day)
    doubted = challenged(test.values, test.columns, recipe.eligibility)
    assert count["challenged"] == int((doubted & test.eligible).sum()) > 0
    assert count["eligible"] == int(test.eligible.sum()) == report.pooled("churn")["tierwise"].n
    for target in ("churn", "ltv"):
        seen = marked.on(origin.fold(target).train_days)
        out = challenged(seen.values, seen.columns, recipe.eligibility) & seen.eligible
        assert count[f"{target}_rows_left_out"] == int(out.sum()) > 0
        assert count[f"{target}_train_rows"] == int((seen.eligible & ~out).sum())
    assert report.facts["eligibility"]["max_jump_ratio"] == 10.0
