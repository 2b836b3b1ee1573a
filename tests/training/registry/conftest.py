"""A registry on a real MLflow store, and something to put into it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from training.bundle import Bundle
from training.registry.registry import Registry, model_name
from training.registry.versions import Submission


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, blank_registry: Path) -> tuple[str, Path]:
    """One store for the module."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "state").mkdir()
    shutil.copy(blank_registry, folder / "state")
    return f"sqlite:///{folder / 'state' / 'mlflow.db'}", folder / "artifacts"


@pytest.fixture
def registry(store: tuple[str, Path]) -> Registry:
    return Registry(*store)


@pytest.fixture
def submission(bundle: Bundle, tmp_path: Path) -> Submission:
    bundle.save(tmp_path / "my bundle")
    evidence = tmp_path / "evidence"
    (evidence / "plots").mkdir(parents=True)
    (evidence / "backtest.json").write_text(json.dumps({"auc": 0.8}), "utf-8")
    (evidence / "plots" / "lift.html").write_text("<p>lift</p>", "utf-8")
    return Submission(
        bundle_dir=tmp_path / "my bundle",
        evidence_dir=evidence,
        params={f"section.p{number}": str(number) for number in range(120)},
        metrics={"backtest.churn.auc": 0.8125, "stress.x@y": 1.0, "bad": float("nan")},
        tags={"world": "small", "simulated": "true"},
        description="# Model card",
        run_name="small 2025-06-30",
    )


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    return model_name(request.node.name.replace("[", "-").replace("]", ""))
