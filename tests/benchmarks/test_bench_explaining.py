"""Explaining scores against the shap package on the two boosters alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from features.schema import FloatArray
from serving.explain import explain
from tests.benchmarks.conftest import World
from tests.benchmarks.floor import Boosters
from tests.benchmarks.measure import Ledger, Task
from training.models.boosting import Boosted

pytestmark = pytest.mark.bench

AREA = "Explanations"
ROWS = 1_000
MANY = 100_000


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

    told, theirs = by_bundle(), by_shap()
    score = decisions.composite.score
    np.testing.assert_allclose(told.base + told.contributions.sum(axis=1), score, atol=1e-9)
    for name, values_by_shap in theirs.items():
        target, part = name.split(".")
        trees = {"churn": bundle.churn, "ltv": bundle.ltv}[target].correction.trees[part]
        ours, _ = trees.contributions(boosters.matrix[name])
        np.testing.assert_allclose(values_by_shap, ours, rtol=0, atol=1e-9)

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


@dataclass(frozen=True)
class Model:
    """One ensemble with inputs it was not fitted to: LightGBM's, shap's and ours."""

    name: str
    booster: Any
    boosted: Boosted
    explainer: Any
    matrix: FloatArray

    @classmethod
    def of(cls, name: str, text: str, matrix: FloatArray) -> Model:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap

            booster = lgb.Booster(model_str=text)
            return cls(name, booster, Boosted(text, threads=2), shap.TreeExplainer(booster), matrix)

    def by_shap(self, rows: FloatArray) -> FloatArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return one(self.explainer.shap_values(rows))

    def by_lightgbm(self, rows: FloatArray, threads: int) -> FloatArray:
        found = self.booster.predict(rows, pred_contrib=True, num_threads=threads)
        return np.asarray(found, dtype=np.float64)[:, :-1]


@pytest.fixture(scope="module")
def models(world: World) -> list[Model]:
    """The champion's mean of LTV, and a model as large as a large bank's: simulated data."""
    boosters = Boosters.of(world.bundle, world.rows(ROWS))
    champion = world.bundle.ltv.correction.trees["mean"].text
    return [
        Model.of("champion's LTV (mean)", champion, boosters.matrix["ltv.mean"]),
        Model.of("500 trees x 63 leaves x 80 inputs", *reference_model()),
    ]


def reference_model() -> tuple[str, FloatArray]:
    """Fit 500 trees of 63 leaves to 80,000 simulated rows of 80 inputs; return 1,000 others."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(81_000, 80))
    matrix[:, 60:70] = np.exp(matrix[:, 60:70])
    matrix[:, 70:] = rng.poisson(3, size=(len(matrix), 10))
    for column in range(60):
        matrix[rng.random(len(matrix)) < 0.03, column] = np.nan
    known = np.nan_to_num(matrix)
    signal = known @ (rng.normal(size=80) * np.exp(-np.arange(80) / 25)) / 2
    signal += np.sin(2 * known[:, 0]) * known[:, 1] + known[:, 2] * known[:, 3]
    label = signal + 1.5 * rng.logistic(size=len(matrix)) > np.median(signal)
    options = {"objective": "binary", "num_leaves": 63, "learning_rate": 0.05, "seed": 1}
    steady = {"verbosity": -1, "num_threads": 2, "deterministic": True, "force_row_wise": True}
    data = lgb.Dataset(matrix[:80_000], label[:80_000].astype(float))
    text = lgb.train({**options, **steady}, data, 500).model_to_string()
    return text, np.ascontiguousarray(matrix[80_000:])


@pytest.mark.parametrize("place", [0, 1])
def test_explain_trees(models: list[Model], ledger: Ledger, place: int) -> None:
    model = models[place]
    some, single = model.matrix[:200], model.matrix[7:8].copy()
    forest = model.boosted._forest
    assert forest is not None
    ours = forest.shapley(some)
    apart = {
        "shap.TreeExplainer": float(np.abs(ours - model.by_shap(some)).max()),
        "pred_contrib": float(np.abs(ours - model.by_lightgbm(some, 2)).max()),
    }
    assert max(apart.values()) <= 1e-9
    told = ", ".join(f"{name} {value:.0e}" for name, value in apart.items())
    area = f"{AREA} of trees: {model.name} (largest difference: {told})"
    ledger.race(
        area,
        Task("shap.TreeExplainer, one row", lambda: model.by_shap(single), calls=20),
        [
            Task("compiled forest, one row", lambda: forest.shapley(single), calls=20),
            Task("LightGBM's pred_contrib, one row", lambda: model.by_lightgbm(single, 1), 20),
        ],
        rounds=9,
    )
    ledger.race(
        area,
        Task("LightGBM's prediction, one row", lambda: model.booster.predict(single), calls=50),
        [Task("compiled forest's prediction, one row", lambda: forest.margin(single), calls=50)],
        rounds=9,
    )
    for threads in (1, 2):
        ledger.race(
            area,
            Task(
                f"LightGBM's pred_contrib, {len(some)} rows, {threads} threads",
                partial(model.by_lightgbm, some, threads),
            ),
            [
                Task(
                    f"compiled forest, {len(some)} rows, {threads} threads",
                    partial(forest.shapley, some, threads),
                )
            ],
            rounds=5,
            items=len(some),
        )
    ledger.race(
        area,
        Task(f"shap.TreeExplainer, {len(some)} rows", partial(model.by_shap, some)),
        [Task(f"compiled forest, {len(some)} rows", partial(forest.shapley, some, 2))],
        rounds=5,
        items=len(some),
    )


def test_explain_many(models: list[Model], ledger: Ledger) -> None:
    model = models[0]
    forest = model.boosted._forest
    assert forest is not None
    many = np.ascontiguousarray(np.resize(model.matrix, (MANY, model.matrix.shape[1])))
    ledger.race(
        f"{AREA} of trees: {model.name}",
        Task(f"{MANY:,} rows, 1 thread", partial(forest.shapley, many, 1)),
        [Task(f"{MANY:,} rows, 2 threads", partial(forest.shapley, many, 2))],
        rounds=2,
        items=MANY,
        warm=False,
    )


def one(found: Any) -> FloatArray:
    """Return the values of the positive class, which older versions of shap put in a list."""
    return np.asarray(found[1] if isinstance(found, list) else found, dtype=np.float64)
