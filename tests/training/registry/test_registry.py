"""The registry on a real MLflow store: versions, aliases, promotion, rollback, pull."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.registry.verdicts import FAILED, PASSED
from training.bundle import Bundle
from training.errors import BundleError, GateFailedError, RegistryError
from training.evaluation.gates import GateReport
from training.registry import recording
from training.registry.registry import CHALLENGER, CHAMPION, Registry
from training.registry.versions import Submission


def test_a_version_carries_its_evidence(
    registry: Registry, submission: Submission, model: str, bundle: Bundle
) -> None:
    version = registry.register(model, submission)
    assert (version.version, version.aliases) == (1, (CHALLENGER,))
    assert version.metrics == {"backtest.churn.auc": 0.8125, "stress.x_y": 1.0}
    assert version.tags["backtest.churn.auc"] == "0.8125"
    assert version.tags["bundle_digest"] == bundle.digest
    assert version.tags["simulated"] == "true"
    assert json.loads(registry.store.read(version, "backtest.json")) == {"auc": 0.8}
    assert registry.store.read(version, "plots/lift.html") == "<p>lift</p>"
    assert registry.challenger(model) == version
    assert registry.champion(model) is None
    with registry.store._session():
        assert registry.store._client.get_run(version.run_id).info.run_name == "small 2025-06-30"


def test_mlflow_is_left_as_it_was(
    registry: Registry, submission: Submission, model: str, tmp_path: Path
) -> None:
    import mlflow

    here = set(Path.cwd().iterdir())
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    registry.register(model, submission)
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == before
    assert not {path.name for path in set(Path.cwd().iterdir()) - here} & {"mlruns", "mlflow.db"}
    assert mlflow.active_run() is None
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_promotion_moves_the_champion_and_rollback_brings_it_back(
    registry: Registry, submission: Submission, model: str
) -> None:
    start = datetime.now(UTC)
    for number in (1, 2):
        registry.register(model, submission)
        promoted = registry.promote(model, number, PASSED, by="ann", reason="better")
        assert promoted.aliases == (CHAMPION,)
    assert registry.challenger(model) is None
    back = registry.rollback(model, by="bob", reason="complaints")
    assert (back.version, back.aliases) == (1, (CHAMPION,))
    assert [v.version for v in registry.versions(model)] == [2, 1]
    history = registry.ledger.entries(model)
    assert [(e.action, e.version, e.by) for e in history] == [
        ("promote", 1, "ann"),
        ("promote", 2, "ann"),
        ("rollback", 1, "bob"),
    ]
    then = registry.champion_at(model, datetime.fromisoformat(history[1].at))
    assert then is not None
    assert then.version == 2
    assert registry.champion_at(model, start) is None


def test_failed_gates_are_all_named_with_value_and_limit(
    registry: Registry, submission: Submission, model: str
) -> None:
    registry.register(model, submission)
    with pytest.raises(GateFailedError) as caught:
        registry.promote(model, 1, FAILED, by="ann")
    told = str(caught.value)
    assert "churn.ece = 0.31, must be <= 0.15" in told
    assert "ltv.mae.ratio = 1.4, must be <= 1.05" in told
    assert "churn.auc" not in told
    assert caught.value.context["failed"] == ["churn.ece", "ltv.mae.ratio"]
    assert "There is no champion yet." in str(caught.value.hint)
    assert registry.champion(model) is None
    assert registry.store.version(model, 1).tags["gates"] == "failed"


def test_a_refusal_is_recorded_and_the_champion_stays(
    registry: Registry, submission: Submission, model: str
) -> None:
    for _ in range(2):
        registry.register(model, submission)
    registry.promote(model, 1, PASSED, by="ann")
    with pytest.raises(GateFailedError) as caught:
        registry.promote(model, 2, FAILED, by="bob", reason="looks fine to me")
    assert "The champion stays." in str(caught.value.hint)
    refused = registry.ledger.entries(model)[-1]
    assert (refused.action, refused.version, refused.previous) == ("refuse", 2, 1)
    assert (refused.by, refused.reason) == ("bob", "looks fine to me")
    assert [told.split(" = ")[0] for told in refused.failed] == ["churn.ece", "ltv.mae.ratio"]
    for champion in (registry.champion(model), registry.champion_at(model, datetime.now(UTC))):
        assert champion is not None
        assert champion.version == 1
    with pytest.raises(RegistryError, match="has no previous champion"):
        registry.rollback(model, by="ann")


def test_a_report_without_checks_promotes_nothing(
    registry: Registry, submission: Submission, model: str
) -> None:
    registry.register(model, submission)
    with pytest.raises(GateFailedError, match="none was judged"):
        registry.promote(model, 1, GateReport(()), by="ann")


def test_what_is_not_there_is_said(
    registry: Registry, submission: Submission, model: str, tmp_path: Path
) -> None:
    assert registry.versions(model) == []
    with pytest.raises(RegistryError, match="has no champion"):
        registry.pull(model, CHAMPION, tmp_path / "bundle")
    version = registry.register(model, submission)
    with pytest.raises(RegistryError, match="has no version 9"):
        registry.promote(model, 9, PASSED, by="ann")
    with pytest.raises(RegistryError, match=r"has no artifact absent\.json"):
        registry.store.read(version, "absent.json")
    registry.promote(model, 1, PASSED, by="ann")
    with pytest.raises(RegistryError, match="is the champion already"):
        registry.promote(model, 1, PASSED, by="ann")
    with pytest.raises(RegistryError, match="has no previous champion"):
        registry.rollback(model, by="ann")


def test_an_alias_moved_past_the_gates_is_set_right(
    registry: Registry, submission: Submission, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        registry.register(model, submission)
    registry.promote(model, 1, PASSED, by="ann")
    registry.store.point(model, CHAMPION, 2)
    champion = registry.champion(model)
    assert champion is not None
    assert champion.version == 1
    assert "set back to version 1" in caplog.text
    registry.store.unpoint(model, CHAMPION)  # as after a kill between ledger and alias
    champion = registry.champion(model)
    assert champion is not None
    assert champion.aliases == (CHAMPION,)


def test_pull_brings_a_whole_bundle_that_grades_alike(
    registry: Registry,
    submission: Submission,
    model: str,
    bundle: Bundle,
    values: npt.NDArray[np.float64],
    tmp_path: Path,
) -> None:
    registry.register(model, submission)
    pulled = registry.pull(model, CHALLENGER, tmp_path / "serving" / "bundle")
    assert pulled.meta.version == "1"
    assert pulled.digest == bundle.digest
    _, ours = bundle.decide(values)
    _, theirs = Bundle.load(tmp_path / "serving" / "bundle").decide(values)
    np.testing.assert_array_equal(ours.composite.score, theirs.composite.score)
    left = [p.name for p in (tmp_path / "serving").iterdir() if not p.name.startswith(".bundle.")]
    assert left == ["bundle"]


def test_a_damaged_artifact_leaves_the_old_bundle(
    registry: Registry, submission: Submission, model: str, tmp_path: Path
) -> None:
    target = tmp_path / "serving" / "bundle"
    first = registry.register(model, submission)
    registry.promote(model, 1, PASSED, by="ann")
    registry.pull(model, CHAMPION, target)
    second = registry.register(model, submission)
    stored = _stored(registry, second.model_id)
    with (stored / "churn.odds.lgb.txt").open("a", encoding="utf-8") as file:
        file.write("x")
    with pytest.raises(BundleError, match=r"churn\.odds\.lgb\.txt"):
        registry.pull(model, CHALLENGER, target)
    shutil.rmtree(stored)
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.pull(model, CHALLENGER, target)
    assert Bundle.load(target).digest == first.tags["bundle_digest"]


def test_another_bundle_in_the_place_of_the_registered_one_is_refused(
    registry: Registry, submission: Submission, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    from dataclasses import replace

    version = registry.register(model, submission)
    other = replace(bundle, meta=replace(bundle.meta, world="elsewhere"))
    other.save(_stored(registry, version.model_id))
    with pytest.raises(RegistryError, match="is not the one that was registered"):
        registry.pull(model, CHALLENGER, tmp_path / "bundle")


def test_a_registration_that_fails_changes_no_alias(
    registry: Registry, submission: Submission, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(model, submission)

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "_log_model", killed)
    with pytest.raises(KeyboardInterrupt):
        registry.register(model, submission)
    monkeypatch.undo()
    assert [v.version for v in registry.versions(model)] == [1]
    challenger = registry.challenger(model)
    assert challenger is not None
    assert challenger.version == 1


def test_data_scientists_load_it_by_mlflow(
    registry: Registry,
    submission: Submission,
    model: str,
    bundle: Bundle,
    values: npt.NDArray[np.float64],
) -> None:
    import pandas as pd

    registry.register(model, submission)
    frame = pd.DataFrame(values[:50], columns=list(bundle.columns))
    with registry.store._session(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        import mlflow

        loaded = mlflow.pyfunc.load_model(f"models:/{model}@{CHALLENGER}")
        found = loaded.predict(frame)
        with pytest.raises(mlflow.exceptions.MlflowException, match="missing inputs"):
            loaded.predict(frame.drop(columns="tenure_days"))
    scores, decisions = bundle.decide(values[:50])
    np.testing.assert_array_equal(found["churn_probability"], scores.churn_probability)
    np.testing.assert_array_equal(found["score"], decisions.composite.score)
    assert found["tier"].tolist() == [bundle.scheme.tiers[t].id for t in decisions.tier]


def test_the_stored_model_is_the_bundle_and_nothing_else(
    bundle: Bundle, values: npt.NDArray[np.float64], tmp_path: Path
) -> None:
    """MLflow runs a copy of the flavor's file; here the file itself, without a store."""
    from types import SimpleNamespace

    import pandas as pd

    from training.registry.mlflow_flavor import OUTPUTS, GradingModel

    bundle.save(tmp_path / "bundle")
    model = GradingModel()
    model.load_context(
        SimpleNamespace(artifacts={"bundle": str(tmp_path / "bundle")}, model_config=None)
    )
    frame = pd.DataFrame(values[:20], columns=list(bundle.columns)).sample(frac=1, random_state=1)
    found = model.predict(None, frame[frame.columns[::-1]])
    assert list(found.columns) == list(OUTPUTS)
    assert found.index.tolist() == frame.index.tolist()
    scores = bundle.score(values[:20])
    np.testing.assert_array_equal(found.sort_index()["ltv"], scores.ltv)
    assert found["dormant"].dtype == bool


def _stored(registry: Registry, model_id: str) -> Path:
    with registry.store._session():
        logged = registry.store._client.get_logged_model(model_id)
    return Path(logged.artifact_location.removeprefix("file://")) / "artifacts" / "bundle"
