"""Scoring against LightGBM alone, and the same bundle behind MLflow's pyfunc."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.schema import FloatArray
from tests.benchmarks.conftest import World
from tests.benchmarks.floor import Boosters
from tests.benchmarks.measure import QUIET, Ledger, Task, footprint

pytestmark = pytest.mark.bench

AREA = "Scoring"
SOME, MANY = 1_000, 10_000


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def pyfunc_dir(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as the registry stores it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own code
        from training.registry import mlflow_flavor

        folder = tmp_path_factory.mktemp("mlflow") / "model"
        mlflow_flavor.save(folder, world.bundle_dir, "m-" + "0" * 32)
    return folder


@pytest.fixture(scope="module")
def pyfunc(pyfunc_dir: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(pyfunc_dir))


@pytest.mark.parametrize(("rows", "calls", "rounds"), [(1, 100, 7), (MANY, 1, 5)])
def test_score(
    world: World, pyfunc: Any, ledger: Ledger, rows: int, calls: int, rounds: int
) -> None:
    bundle, values = world.bundle, world.rows(rows)
    table = pd.DataFrame(values, columns=list(bundle.columns))
    boosters = Boosters.of(bundle, values)

    scores, decisions = bundle.decide(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = pyfunc.predict(table)
    np.testing.assert_array_equal(told["ltv"], scores.ltv)
    np.testing.assert_array_equal(told["score"], decisions.composite.score)
    assert_same_margin(boosters, bundle.contributions(values)["ltv"].margin, scores.ltv)

    def by_pyfunc() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pyfunc.predict(table)

    label = f"{rows:,} row{'s' if rows > 1 else ''}"
    ledger.race(
        AREA,
        Task(f"both boosters' `predict(numpy)`, {label}", boosters.predict, calls),
        [
            Task(f"`bundle.score`, {label}", lambda: bundle.score(values), calls),
            Task(
                f"`bundle.decide` (score and tier), {label}", lambda: bundle.decide(values), calls
            ),
        ],
        rounds=rounds,
        items=rows,
    )
    ledger.race(
        AREA,
        Task(f"`bundle.decide`, {label}", lambda: bundle.decide(values), max(1, calls // 4)),
        [Task(f"MLflow pyfunc of the bundle, {label}", by_pyfunc, max(1, calls // 4))],
        rounds=rounds,
        items=rows,
    )


def assert_same_margin(boosters: Boosters, margin: FloatArray, ltv: FloatArray) -> None:
    np.testing.assert_allclose(np.exp(margin), ltv, rtol=1e-12)
    # What the trees add is all that the floor computes.
    added = [part for name, part in boosters.predict().items() if name.startswith("ltv.")]
    assert added
    assert all(part.shape == margin.shape and np.isfinite(part).all() for part in added)


def test_memory(world: World, pyfunc_dir: Path, ledger: Ledger, tmp_path: Path) -> None:
    for rows in (SOME, MANY):
        values, folder = world.rows(rows), tmp_path / str(rows)
        folder.mkdir()
        np.save(folder / "values.npy", values)
        for target, matrix in Boosters.of(world.bundle, values).matrix.items():
            np.save(folder / f"{target}.npy", matrix)
    for rows, contenders in (
        (MANY, {"`bundle.score`": "bundle_score", "MLflow pyfunc": "pyfunc"}),
        (SOME, {"decide and explain": "bundle_grade", "shap.TreeExplainer": "shap_values"}),
    ):
        label, folder = f"{rows:,} rows", tmp_path / str(rows)
        floor = footprint("boosters", world.bundle_dir, folder)
        peaks = {
            f"{name}, {label}": footprint(
                task, pyfunc_dir if task == "pyfunc" else world.bundle_dir, folder
            )
            for name, task in contenders.items()
        }
        known = {name: peak for name, peak in peaks.items() if peak is not None}
        if floor is None or len(known) < len(peaks):
            pytest.skip("the system does not tell the peak memory of a process")
        assert floor > 0
        ledger.weigh((f"both boosters' `predict(numpy)`, {label}", floor), known)
