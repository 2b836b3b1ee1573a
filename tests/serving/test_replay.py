"""Grades computed again: the same bits, or a difference that is named.

#56: each assessment is kept with the evidence it was scored on, and that evidence suffices.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from typer import BadParameter
from typer.testing import CliRunner

from features.manifest import Manifest
from features.schema import IndicatorFrame
from serving.archive import BundleArchive
from serving.audit_cli import app
from serving.batch import run_batch
from serving.domain.grade import Run
from serving.errors import AuditError
from serving.replay import draw, replay
from serving.store.session import Database
from tests.blank_store import blank_store
from tiering.scheme import load_scheme
from training.bundle import Bundle

Publish = Callable[[IndicatorFrame, Path], Manifest]


@pytest.fixture
def run(database: Database, served_bundle: Bundle, frame: IndicatorFrame) -> Run:
    return run_batch(served_bundle, frame, database).run


def test_every_grade_of_a_run_comes_out_the_same(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    told: list[tuple[int, int]] = []
    with database.read() as session:
        found = replay(session, run, frame, served_bundle, progress=lambda *done: told.append(done))
    assert found.stands
    assert found.grades == run.customers
    assert found.proof.holds()
    assert told[-1] == (run.customers, run.customers)


def test_a_later_run_by_another_scheme_changes_nothing(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    stricter = load_scheme().referral.model_copy(update={"band": 0.5})
    scheme = load_scheme().model_copy(update={"referral": stricter, "version": "9"})
    other = replace(served_bundle, scheme=scheme)
    later = run_batch(other, frame, database).run
    with database.read() as session:
        assert replay(session, run, frame, served_bundle).stands
        assert replay(session, later, frame, other).stands
        with pytest.raises(AuditError, match="another bundle") as caught:
            replay(session, run, frame, other)
    assert caught.value.context["needed"] == served_bundle.digest


def test_other_indicators_are_named(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    values = frame.values.copy()
    column = frame.columns.index("net_amount_365d")
    values[3, column] = np.nextafter(values[3, column], np.inf)
    with database.read() as session:
        found = replay(session, run, replace(frame, values=values), served_bundle)
        fields = {(d.customer_id, d.field) for d in found.differences}
        assert (str(frame.customer_id[3]), "indicators.net_amount_365d") in fields
        assert {customer for customer, _ in fields} == {str(frame.customer_id[3])}
        short = replace(frame, customer_id=frame.customer_id[1:], values=frame.values[1:])
        (gone,) = replay(session, run, short, served_bundle).differences
        assert (gone.customer_id, gone.field) == (str(frame.customer_id[0]), "customer")
        with pytest.raises(AuditError, match="indicators are of"):
            replay(
                session,
                run,
                replace(frame, as_of=frame.as_of.replace(year=2001)),
                served_bundle,
            )


TAMPERINGS = (
    "UPDATE grade SET score = score + 1e-12 WHERE customer_id = '{c}'",
    "UPDATE grade SET tier_index = 1 - tier_index % 2 WHERE customer_id = '{c}'",
    "UPDATE grade SET ltv = ltv * 1.0000001 WHERE customer_id = '{c}'",
    "UPDATE grade SET referred = NOT referred WHERE customer_id = '{c}'",
    "UPDATE grade SET indicators = (SELECT other.indicators FROM grade AS other "
    "WHERE other.customer_id = 'c-0006') WHERE customer_id = '{c}'",
    "UPDATE grade_explanation SET contributions = (SELECT other.contributions "
    "FROM grade_explanation AS other WHERE other.grade_id <> grade_explanation.grade_id LIMIT 1) "
    "WHERE grade_id = (SELECT grade_id FROM grade WHERE customer_id = '{c}')",
    "UPDATE grade_explanation SET base = base + 1e-9 "
    "WHERE grade_id = (SELECT grade_id FROM grade WHERE customer_id = '{c}')",
)


def test_a_sample_is_drawn_over_all_runs_and_the_same_again(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    later = run_batch(served_bundle, frame, database, force=True).run
    with database.read() as session:
        drawn = draw(session, 100, seed=3)
        assert list(drawn) == [run.run_id, later.run_id]
        assert sum(map(len, drawn.values())) == 100
        assert draw(session, 100, seed=3) == drawn != draw(session, 100, seed=4)
        every = draw(session, 10**6, seed=3)
        assert sum(map(len, every.values())) == 2 * len(frame)
        found = replay(session, run, frame, served_bundle, only=drawn[run.run_id])
    assert found.stands
    assert found.grades == len(drawn[run.run_id])


def test_bundles_are_archived_by_digest(
    tmp_path: Path, bundle_dir: Path, served_bundle: Bundle
) -> None:
    archive = BundleArchive(tmp_path / "bundles")
    assert archive.digests() == []
    with pytest.raises(AuditError, match="not at hand"):
        archive.load(served_bundle.digest)
    kept = archive.keep(bundle_dir, served_bundle.digest)
    assert archive.keep(bundle_dir, served_bundle.digest) == kept
    assert archive.digests() == [served_bundle.digest]
    assert archive.load(served_bundle.digest, tmp_path / "none").digest == served_bundle.digest
    with pytest.raises(AuditError, match="replaced while"):
        archive.keep(bundle_dir, "0" * 64)
    assert [each.name for each in archive.folder.iterdir()] == [served_bundle.digest]


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_a_changed_number_in_the_store_is_found(
    statement: str,
    database: Database,
    run: Run,
    served_bundle: Bundle,
    frame: IndicatorFrame,
) -> None:
    customer = str(frame.customer_id[5])
    with database.write() as session:
        session.execute(text(statement.format(c=customer)))
    with database.read() as session:
        found = replay(session, run, frame, served_bundle)
    assert {d.customer_id for d in found.differences} == {customer}


def test_a_replay_takes_the_explainer_of_its_run(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    assert run.explainer == served_bundle.explainer == "quadrature-1"
    with database.write() as session:
        session.execute(text("UPDATE run SET explainer = 'lightgbm'"))
    other = replace(run, explainer="lightgbm")
    with (
        database.read() as session,
        pytest.raises(AuditError, match="not stored as") as caught,
    ):
        replay(session, other, frame, served_bundle)
    assert caught.value.context["fields"] == ["explainer"]


def test_a_run_explained_by_lightgbm_is_replayed_by_it(
    database: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(vars(served_bundle), "explainer", "lightgbm")
    run = run_batch(served_bundle, frame, database).run
    monkeypatch.undo()
    assert (run.explainer, served_bundle.explainer) == ("lightgbm", "quadrature-1")
    with database.read() as session:
        assert replay(session, run, frame, served_bundle).stands


def test_a_run_that_the_trail_does_not_tell_of_is_refused(
    database: Database, run: Run, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    with database.write() as session:
        session.execute(text("UPDATE run SET customers = customers + 1"))
    changed = replace(run, customers=run.customers + 1)
    with database.read() as session:
        with pytest.raises(AuditError, match="not stored as") as caught:
            replay(session, changed, frame, served_bundle)
        assert caught.value.context["fields"] == ["customers"]
        with pytest.raises(AuditError, match="does not know run"):
            replay(session, replace(run, run_id="x"), frame, served_bundle)


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_an_auditor_at_the_command_line(
    tmp_path: Path,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    publish_frame: Publish,
) -> None:
    world = tmp_path / "small"
    shutil.copytree(bundle_dir, world / "bundle")
    publish_frame(frame, world / "published")
    store = blank_store(f"sqlite:///{world / 'tierwise.db'}")
    done = run_batch(served_bundle, frame, store).run
    with store.read() as session:
        grade_id = session.execute(text("SELECT grade_id FROM grade LIMIT 1")).scalar_one()
    place = ("small", "--home", str(tmp_path))
    head, proof = str(tmp_path / "head.json"), str(tmp_path / "proof.json")
    assert " verified. Root" in invoke("verify", *place, "--out", head)
    assert "only grew since" in invoke("verify", *place, "--head", head)
    invoke("prove", "1", *place, "--out", proof)
    assert "run.finished" in invoke("check", proof, "--head", head)
    assert json.loads(invoke("prove", "1", *place))["head"]["size"] >= 1
    published = ("--published", str(world / "published"))
    assert "1 grade of run" in invoke("replay", grade_id, *place, *published)
    told = invoke("replay", "small", "--sample", "50", "--seed", "7", *place[1:], *published)
    assert "50 grades of run" in told
    with pytest.raises(BadParameter):
        invoke("replay", grade_id, "--sample", "5", *place, *published)
    with pytest.raises(BadParameter):
        invoke("replay", *place[1:])
    invoke("prove-grade", grade_id, *place, "--out", proof)
    assert f"Grade {grade_id} of" in invoke("check", proof, "--head", head)
    better = json.loads(Path(proof).read_text("utf-8"))
    better["grade"]["grade"]["score"] = 99.0
    Path(proof).write_text(json.dumps(better), "utf-8")
    with pytest.raises(AuditError, match="proof of grade"):
        invoke("check", proof)
    invoke("prove", "1", *place, "--out", proof)
    assert f"{len(frame):,} grades of run" in invoke("replay", done.run_id, *place, *published)
    with pytest.raises(AuditError, match="no grade 'nobody'"):
        invoke("replay", "nobody", *place, *published)
    document = json.loads(Path(proof).read_text("utf-8"))
    document["event"]["actor"] = "x"
    Path(proof).write_text(json.dumps(document), "utf-8")
    with pytest.raises(AuditError, match="does not hold"):
        invoke("check", proof)
    for broken in ("[]", "{}", "no json"):
        Path(proof).write_text(broken, "utf-8")
        with pytest.raises(AuditError):
            invoke("check", proof)
        with pytest.raises(AuditError):
            invoke("verify", *place, "--head", proof)
    with store.write() as session:
        session.execute(text("UPDATE grade SET score = 1.0 WHERE grade_id = :g"), {"g": grade_id})
    store.dispose()
    with pytest.raises(AuditError, match="not as the audit trail recorded"):
        invoke("verify", *place)
    with pytest.raises(AuditError, match="came out otherwise"):
        invoke("replay", grade_id, *place, *published)


def test_an_audit_of_no_store_leaves_none_behind(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="There is no store to audit"):
        invoke("verify", "small", "--home", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
