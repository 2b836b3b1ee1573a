"""What was checked at a promotion stays readable, and cannot be changed unseen."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.registry.verdicts import FAILED, PASSED
from training.cli import app
from training.errors import ApprovalError, GateFailedError, RegistryError
from training.evaluation.gates import GateCheck, GateReport
from training.registry.governance import FILE
from training.registry.judgement import SCHEMA_VERSION, Judgement, place, read
from training.registry.promotion import first_report, kept_report
from training.registry.registry import Registry
from training.registry.versions import Submission


@pytest.fixture
def judged_first(submission: Submission) -> Submission:
    """A submission whose evidence holds the gates as judged at registration."""
    document = json.dumps(PASSED.to_dict())
    (submission.evidence_dir / "gates.json").write_text(document, "utf-8")
    return submission


def artifact(store: tuple[str, Path], sha256: str) -> Path:
    (found,) = store[1].rglob(place(sha256))
    return found


def test_a_promotion_leaves_its_gate_report(
    registry: Registry, submission: Submission, model: str
) -> None:
    registry.register(model, submission)
    assert kept_report(registry, model, 1) is None
    version = registry.promote(model, 1, PASSED, by="ann", reason="new season")
    kept = kept_report(registry, model, 1)
    assert kept is not None
    entry, judged = kept
    assert (entry.action, judged.decision) == ("promote", "promote")
    assert judged.gates == PASSED
    assert (judged.by, judged.reason, judged.against) == ("ann", "new season", None)
    assert judged.bundle_digest == entry.digest == version.tags["bundle_digest"]
    assert {name: version.tags[name] for name in judged.tags} == {
        "gates": "passed",
        "gates_passed": "1 of 1",
        "gate_report": place(entry.gate_report_sha256),
        "decision": "promote",
        "decided_by": "ann",
        "approved_by": "",
    }

    registry.register(model, submission)
    with pytest.raises(GateFailedError):
        registry.promote(model, 2, FAILED, by="bob")
    refused = kept_report(registry, model, 2)
    assert refused is not None
    assert refused[1].against == 1
    assert [check.name for check in refused[1].gates.failed] == ["churn.ece", "ltv.mae.ratio"]
    assert list(refused[0].failed) == refused[1].forbidden_by
    assert registry.store.version(model, 2).tags["gates_passed"] == "1 of 3"
    registry.promote(model, 2, PASSED, by="bob")
    registry.rollback(model, by="ann")
    again = kept_report(registry, model, 1)
    assert again is not None
    assert again[0].at == entry.at, "a rollback judges no gates"


def test_the_report_names_who_stood_for_it(
    store: tuple[str, Path], submission: Submission, model: str, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text('mode = "production"\n', "utf-8")
    strict = Registry(*store, tmp_path / "promotions.jsonl")
    strict.register(model, submission)
    strict.approve(model, 1, by="ann", reason="card read")
    with pytest.raises(ApprovalError):
        strict.promote(model, 1, PASSED, by="ann")
    kept = kept_report(strict, model, 1)
    assert kept is not None
    assert kept[1].decision == "refuse"
    assert kept[1].forbidden_by == [kept[1].lacking]
    assert "1 of 2 approvals" in kept[1].lacking
    strict.approve(model, 1, by="bob", reason="stress read")
    strict.promote(model, 1, PASSED, by="ann")
    kept = kept_report(strict, model, 1)
    assert kept is not None
    assert [(each["by"], each["reason"]) for each in kept[1].approvals] == [
        ("ann", "card read"),
        ("bob", "stress read"),
    ]
    assert (kept[1].mode, kept[1].lacking) == ("production", "")
    assert strict.store.version(model, 1).tags["approved_by"] == "ann, bob"


@pytest.mark.parametrize("fault", ["edited", "another's", "gone"])
def test_a_report_that_was_changed_is_not_told(
    registry: Registry, store: tuple[str, Path], submission: Submission, model: str, fault: str
) -> None:
    registry.register(model, submission)
    with pytest.raises(GateFailedError):
        registry.promote(model, 1, FAILED, by="ann")
    registry.promote(model, 1, PASSED, by="ann")
    before, last = (entry.gate_report_sha256 for entry in registry.ledger.entries(model))
    path = artifact(store, last)
    if fault == "edited":
        path.write_text(path.read_text("utf-8").replace('"ann"', '"bob"'), "utf-8")
    elif fault == "another's":
        path.write_text(artifact(store, before).read_text("utf-8"), "utf-8")
    else:
        path.unlink()
    with pytest.raises(RegistryError, match=r"it was changed|has no artifact"):
        kept_report(registry, model, 1)


def test_what_is_written_is_what_is_read() -> None:
    gates = GateReport((GateCheck("a", False, math.nan, 0.5, ">=", "measure it"),), ("note",))
    judged = Judgement(
        model="m",
        version=3,
        bundle_digest="b" * 64,
        decision="refuse",
        by="安",
        reason="",
        mode="development",
        against=2,
        lacking="",
        approvals=({"at": "2026-01-01", "by": "bob", "reason": "r", "account": "x"},),
        gates=gates,
    )
    document = json.loads(judged.text)
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["gates"]["checks"][0]["value"] is None
    again = read(judged.text, judged.sha256)
    assert again.text == judged.text
    assert again.approvals == judged.approvals
    assert again.forbidden_by == ["a = nan, must be >= 0.5"]
    assert replace(judged, gates=GateReport(())).forbidden_by == ["none was judged"]


def test_the_command_tells_and_writes_the_report(
    registry: Registry,
    store: tuple[str, Path],
    judged_first: Submission,
    model: str,
    tmp_path: Path,
) -> None:
    registry.register(model, judged_first)
    world, out = model.removeprefix("tierwise-"), tmp_path / "gates.json"
    where = ["--home", str(tmp_path), "--registry", store[0], "--artifacts", str(store[1])]

    def run(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["gates", world, *where, *more])
        return done.exit_code, " ".join((done.output + str(done.exception or "")).split())

    code, told = run()
    assert code
    assert "has no champion" in told
    code, told = run("--version", "1")
    assert code == 0
    assert "these are its gates as judged when it was registered" in told
    assert first_report(registry, model, 1) == PASSED
    assert "No gate report is kept" in run("--version", "1", "--out", str(out))[1]
    registry.promote(model, 1, PASSED, by="ann", reason="new season")
    code, told = run("--out", str(out))
    assert code == 0, told
    for part in ("was promoted on", "by ann (development mode)", "no champion", "new season"):
        assert part in told
    assert "churn.auc" in told
    sha256 = registry.ledger.entries(model)[-1].gate_report_sha256
    assert read(out.read_text("utf-8"), sha256).gates == PASSED
