"""``tierwise canary``, on a real registry: who may become one, and the whole road to champion."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner

from features.errors import TierwiseError
from features.schema import IndicatorFrame
from serving.cli import app as cli
from serving.domain.grade import Run
from serving.errors import ConflictError, NotReadyError
from serving.replay import replay
from serving.sealing import verify_runs
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.canaries import Canaries
from serving.store.grades import Grades
from serving.store.session import Database, Session
from tests.training.registry.verdicts import FAILED, PASSED
from tierwise import canary as command
from training.bundle import Bundle
from training.errors import ApprovalError, GateFailedError
from training.registry import promotion
from training.registry.governance import FILE
from training.registry.location import open_registry
from training.registry.registry import CHAMPION, Registry

MODEL = "tierwise-small"
T = TypeVar("T")


@pytest.fixture
def home(own_home: Path) -> Path:
    return own_home


def ran(home: Path, *arguments: str) -> str:
    found = CliRunner().invoke(
        command.app,
        [arguments[0], "small", "--home", str(home), *arguments[1:]],
        catch_exceptions=False,
    )
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def batch(home: Path) -> str:
    found = CliRunner().invoke(cli, ["batch", "small", "--home", str(home)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def looked(home: Path, at: Callable[[Session], T]) -> T:
    store = Database(Settings(home=home, world="small").database)
    with store.read() as session:
        found = at(session)
    store.dispose()
    return found


def current(home: Path) -> Run:
    run = looked(home, lambda session: Grades(session).current_run())
    assert run is not None
    return run


def steps(home: Path) -> list[tuple[str, str]]:
    events = looked(home, lambda session: list(AuditEvents(session).all()))
    return [(e.action, e.actor) for e in events if e.action.startswith("canary.")]


def test_only_what_may_be_promoted_may_be_a_canary(
    home: Path, monkeypatch: pytest.MonkeyPatch, bundle: Bundle
) -> None:
    batch(home)
    begin = ("start", "--share", "10", "--by", "ann")
    monkeypatch.setattr(promotion, "judge", lambda *_: FAILED)
    with pytest.raises(GateFailedError, match=r"churn\.ece"):
        ran(home, *begin)
    monkeypatch.setattr(promotion, "judge", lambda *_: PASSED)
    (home / "mlartifacts" / FILE).write_text('mode = "production"\n', "utf-8")
    with pytest.raises(ApprovalError, match="0 of 2 approvals"):
        ran(home, *begin)
    registry: Registry = open_registry(home)
    registry.approve(MODEL, 2, by="ann", reason="card read")
    registry.approve(MODEL, 2, by="bob", reason="backtest read")
    assert steps(home) == []
    assert "Version 2 of tierwise-small grades 10 %" in ran(home, *begin)
    entries = [(e.action, e.version) for e in registry.ledger.entries(MODEL)]
    assert entries == [
        ("promote", 1),
        ("refuse", 2),
        ("refuse", 2),
        ("approve", 2),
        ("approve", 2),
    ]
    champion, challenger = registry.champion(MODEL), registry.challenger(MODEL)
    assert champion is not None
    assert challenger is not None
    assert (champion.version, challenger.version) == (1, 2)
    with pytest.raises(ConflictError, match="canary already"):
        ran(home, *begin)
    with pytest.raises(TierwiseError, match="champion already"):
        ran(home, "start", "--share", "10", "--version", "1")
    scheme = bundle.scheme.model_copy(update={"version": "9.0.0"})
    folder = Settings(home=home, world="small").bundle
    dataclasses.replace(bundle, scheme=scheme).save(folder)
    with pytest.raises(ConflictError, match="another scheme"):
        ran(home, *begin)


def test_the_road_from_a_share_to_everybody(
    home: Path, second: Bundle, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    assert "There is no canary." in ran(home, "status")
    with pytest.raises(NotReadyError):
        ran(home, "report")
    with pytest.raises(ConflictError):
        ran(home, "promote")
    batch(home)
    ran(home, "start", "--share", "25", "--by", "ann", "--reason", "better", "--salt", "s")
    with pytest.raises(NotReadyError):
        ran(home, "report")
    batch(home)
    run = current(home)
    assert run.canary is not None
    told = ran(home, "status")
    assert "Version 2 is the canary of 25 % since" in told
    assert "started by ann: better." in told
    assert f"has {run.canary.customers} of {run.customers}" in told
    assert "25 %" not in ran(home, "share", "--share", "40", "--by", "bob")
    batch(home)
    run = current(home)
    assert run.canary is not None
    assert run.canary.share == 4_000
    assert "Written to" in ran(home, "report")
    reports = Settings(home=home, world="small").state / "reports"
    assert (reports / "canary.md").read_text("utf-8").startswith("# Canary 2 beside champion 1")
    document = json.loads((reports / "canary.json").read_text("utf-8"))
    assert document["canary"]["customers"] == run.canary.customers
    assert "no canary any more" in ran(home, "promote", "--by", "ann", "--reason", "no worse")
    assert "There is no canary." in ran(home, "status")
    batch(home)
    after = current(home)
    assert (after.canary, after.basis.bundle_digest) == (None, second.digest)
    assert steps(home) == [
        ("canary.started", "ann"),
        ("canary.share_changed", "bob"),
        ("canary.promoted", "ann"),
    ]
    champion = open_registry(home).champion(MODEL)
    assert champion is not None
    assert champion.version == 2

    def all_stand(session: Session) -> bool:
        verify_runs(session)
        return replay(session, run, frame, served_bundle, second).stands

    assert looked(home, all_stand)


def test_a_promotion_that_was_killed_half_way_is_finished_by_the_next(home: Path) -> None:
    batch(home)
    ran(home, "start", "--share", "25")
    registry = open_registry(home)
    registry.promote(MODEL, 2, PASSED, by="ann")
    # Killed here: crowned, and not brought. The canary goes on beside the old bundle.
    batch(home)
    assert current(home).canary is not None
    registry.pull(MODEL, CHAMPION, Settings(home=home, world="small").bundle)
    # Killed here: brought, and the canary not ended. The champion grades everybody.
    assert "The canary is the champion by now" in batch(home)
    assert current(home).canary is None
    ran(home, "promote", "--by", "ann")
    assert steps(home)[-1] == ("canary.promoted", "ann")
    assert [e.action for e in registry.ledger.entries(MODEL)] == ["promote", "promote"]


def test_one_that_cannot_grade_costs_nobody_a_grade(home: Path, second: Bundle) -> None:
    batch(home)
    ran(home, "start", "--share", "25", "--by", "ann")
    kept = Settings(home=home, world="small").archive / second.digest
    (kept / "scheme.toml").write_text("", "utf-8")
    assert "The canary does not grade, the champion grades everybody" in batch(home)
    run = current(home)
    assert run.canary is None
    plan = looked(home, lambda session: Canaries(session).standing())
    assert plan is not None
    assert steps(home)[-1][0] == "canary.failed"
    assert "Run tierwise batch" in ran(home, "stop", "--by", "bob", "--reason", "broken")
    with pytest.raises(ConflictError, match="no canary"):
        ran(home, "stop")
    assert steps(home)[-1] == ("canary.stopped", "bob")
