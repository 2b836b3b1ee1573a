"""Explaining scores against the shap package on the two boosters alone."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from features.schema import FloatArray
from serving.explain import explain
from tests.benchmarks.conftest import World
from tests.benchmarks.floor import Boosters
from tests.benchmarks.measure import Ledger, Task

pytestmark = pytest.mark.bench

AREA = "Explanations"
ROWS = 1_000


def test_explain(world: World, ledger: Ledger) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own code
        import shap

    bundle, values = world.bundle, world.rows(ROWS)
    boosters = Boosters.of(bundle, values)
    explainers = {name: shap.TreeExplainer(each) for name, each in boosters.booster.items()}

    def by_shap() -> dict[str, FloatArray]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {n: one(each.shap_values(boosters.matrix[n])) for n, each in explainers.items()}

    scores, decisions = bundle.decide(values)
    named = bundle.indicator_values(values, scores)

    def by_bundle() -> Any:
        return explain(bundle.reference, decisions, named, bundle.contributions(values))

    told, attributions, theirs = by_bundle(), bundle.contributions(values), by_shap()
    score = decisions.composite.score
    np.testing.assert_allclose(told.base + told.contributions.sum(axis=1), score, atol=1e-9)
    for name, target in (("churn_probability", "churn"), ("ltv", "ltv")):
        ours = attributions[name].phi[:, :-1]  # all but the baseline's entry
        np.testing.assert_allclose(theirs[target][:, : ours.shape[1]], ours, atol=1e-9)

    ledger.race(
        AREA,
        Task(f"shap.TreeExplainer of both boosters, {ROWS:,} rows", by_shap),
        [
            Task(f"`bundle.contributions` and `explain`, {ROWS:,} rows", by_bundle),
            Task(
                f"… of it, `bundle.contributions`, {ROWS:,} rows",
                lambda: bundle.contributions(values),
            ),
            Task(f"… of that, LightGBM's own contributions, {ROWS:,} rows", boosters.contributions),
        ],
        rounds=3,
        items=ROWS,
    )


def one(found: Any) -> FloatArray:
    """Return the values of the positive class, which older versions of shap put in a list."""
    return np.asarray(found[1] if isinstance(found, list) else found, dtype=np.float64)
