"""The batch in little memory: the same to the last bit, however many are graded at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from features.errors import ContractError, SourceNotFoundError
from features.parquet import FrameFile, Outcomes, read_frame, write_frame, write_outcomes
from features.schema import IndicatorFrame
from serving.audit import verify
from serving.batch import run_batch
from serving.domain.grade import Run
from serving.errors import BatchError, StoreError
from serving.nightly.fingerprint import frame_sha256
from serving.replay import replay
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.order_log import Later
from training.bundle import Bundle

NIGHT = datetime(2024, 7, 1, 2, 0)


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything the store holds."""
    tables = (
        "run",
        "run_step",
        "grade",
        "grade_explanation",
        "grade_rank",
        "review_case",
        "alert",
        "audit_event",
    )
    with database.read() as session:
        return {
            table: [tuple(row) for row in session.execute(text(f"SELECT * FROM {table}"))]
            for table in tables
        }


def some_nights(
    folder: Path,
    bundle: Bundle,
    frame: IndicatorFrame,
    chunk: int,
    *,
    from_file: bool = False,
    piece: int = 10_000,
) -> dict[str, list[tuple[Any, ...]]]:
    database = blank_store(f"sqlite:///{folder / f'{chunk}-{from_file}-{piece}.db'}")
    for night, share in ((0, 1.0), (30, 0.4), (200, 0.4)):
        values = frame.values.copy()
        money = [i for i, name in enumerate(frame.columns) if name.startswith("net_amount_")]
        values[::2, money] *= share
        there = replace(frame, as_of=frame.as_of + timedelta(days=night), values=values)
        source: Any = there
        if from_file:
            write_frame(there, folder / "frame.parquet")
            source = FrameFile(folder / "frame.parquet")
        at = NIGHT + timedelta(days=night)
        run = run_batch(
            bundle, source, database, clock=lambda at=at: at, chunk=chunk, piece=piece
        ).run
    with database.read() as session:
        verify(session)
        assert replay(session, run, there, bundle).stands
    stored = content(database)
    database.dispose()
    return stored


@pytest.fixture(scope="module")
def at_once(
    tmp_path_factory: pytest.TempPathFactory, served_bundle: Bundle, frame: IndicatorFrame
) -> dict[str, list[tuple[Any, ...]]]:
    return some_nights(tmp_path_factory.mktemp("whole"), served_bundle, frame, 10_000)


@pytest.mark.parametrize(("chunk", "from_file"), [(7, False), (64, True), (10_000, True)])
def test_the_size_of_a_chunk_changes_no_bit(
    at_once: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    chunk: int,
    from_file: bool,
) -> None:
    stored = some_nights(tmp_path, served_bundle, frame, chunk, from_file=from_file)
    assert len(stored["grade"]) == 3 * len(frame)
    assert any("tier.changed" in row for row in stored["audit_event"])
    assert stored == at_once


def test_the_size_of_a_piece_changes_nothing_but_the_order_of_being_told(
    at_once: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
) -> None:
    stored = some_nights(tmp_path, served_bundle, frame, 10_000, piece=70)

    def told(content: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        # Numbers and hashes are those of the chain; the seals are in the events.
        return sorted(row[1:6] for row in content.pop("audit_event"))

    mine, whole = dict(stored), dict(at_once)
    assert told(mine) == told(whole)
    assert mine == whole


def test_a_file_is_the_frame_it_holds(tmp_path: Path, frame: IndicatorFrame) -> None:
    write_frame(frame, tmp_path / "frame.parquet")
    there = FrameFile(tmp_path / "frame.parquet")
    assert (there.as_of, there.columns, len(there)) == (frame.as_of, frame.columns, len(frame))
    blocks = list(there.blocks(100))
    assert [len(block) for block in blocks] == [len(b) for b in frame.blocks(100)]
    values = np.concatenate([block.values for block in blocks])
    assert values.tobytes() == read_frame(tmp_path / "frame.parquet").values.tobytes()
    prints = {frame_sha256(each, size) for each in (frame, there) for size in (1, 50, 10_000)}
    assert len(prints) == 1
    turned = frame.values.copy()
    turned[turned == 0.0] = -0.0
    assert {frame_sha256(replace(frame, values=turned), 9)} == prints
    turned[0, 0] += 1.0
    assert {frame_sha256(replace(frame, values=turned), 9)} != prints


def test_a_file_that_is_no_frame_is_refused(tmp_path: Path, frame: IndicatorFrame) -> None:
    with pytest.raises(SourceNotFoundError):
        FrameFile(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("this is not Parquet")
    with pytest.raises(ContractError, match="cannot be read"):
        FrameFile(tmp_path / "text.parquet")
    told = Outcomes(frame.as_of, 60, frame.customer_id[:2], np.array([True, False]), np.zeros(2))
    write_outcomes(told, tmp_path / "outcomes.parquet")
    # It has a day too, but nobody's indicators: the bundle's columns are missing.
    assert FrameFile(tmp_path / "outcomes.parquet").columns[0] == "churned"


def test_every_change_of_tier_is_told_once(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    """#90: what a follower needs to keep its copy of the tiers right."""
    copy: dict[str, str] = {}
    scheme = served_bundle.scheme.model_copy(update={"migration": None})
    bundle = replace(served_bundle, scheme=scheme)
    for days, share in ((0, 1.0), (30, 0.3), (30, 1.0), (60, 2.0)):
        result = run_batch(bundle, later(days, share), database, force=True)
        with database.read() as session:
            events = [e for e in AuditEvents(session).all() if e.action == "tier.changed"]
            mine = [e for e in events if e.payload["run_id"] == result.run.run_id]
            held = Grades(session).held_in(result.run.run_id).tiers
        assert len(mine) == result.moved
        if days == 0:
            assert not mine
        else:
            assert mine
        order = [tier.id for tier in result.run.basis.tiers]
        for event in mine:
            told = event.payload
            customer = str(told["customer_id"])
            assert event.subject == f"customer:{customer}"
            assert copy[customer] == told["from"]
            before, now = order.index(str(told["from"])), order.index(str(told["to"]))
            assert told["direction"] == ("up" if now < before else "down")
            assert told["as_of"] == result.run.basis.as_of.isoformat()
            copy[customer] = str(told["to"])
        copy = copy or {c: key.partition("/")[2] for c, (key, _, _) in held.items()}
        assert copy == {c: key.partition("/")[2] for c, (key, _, _) in held.items()}
        with database.read() as session:
            verify(session)


def test_tiers_of_another_scheme_did_not_change(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    run_batch(served_bundle, later(0, 1.0), database)
    scheme = served_bundle.scheme.model_copy(update={"id": "other"})
    moved = run_batch(replace(served_bundle, scheme=scheme), later(30, 0.3), database).moved
    assert moved == 0


def test_two_batches_at_once_do_not_write_over_each_other(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    first = later(0, 1.0)
    finished: list[Run] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "grade" and not finished:
            finished.append(run_batch(served_bundle, later(0, 0.5), database).run)

    with pytest.raises(BatchError, match="Another batch finished"):
        run_batch(served_bundle, first, database, progress=meanwhile)
    with database.read() as session:
        assert Grades(session).current_run() == finished[0]
        assert len(Grades(session).runs()) == 1


def test_others_write_while_a_batch_grades(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    wrote: list[str] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "grade" and done:
            with database.write() as session:
                session.execute(text("UPDATE alembic_version SET version_num = version_num"))
            wrote.append(stage)

    run_batch(served_bundle, frame, database, progress=meanwhile, chunk=100)
    assert len(wrote) == 4


def test_a_batch_that_fails_between_chunks_leaves_the_run_before(
    database: Database, served_bundle: Bundle, later: Later, tmp_path: Path
) -> None:
    old = run_batch(served_bundle, later(0, 1.0), database).run

    def fail(stage: str, done: int, total: int) -> None:
        if stage == "store" and done >= 200:
            raise StoreError("The disk is full.")

    before = content(database)
    with pytest.raises(StoreError, match="full"):
        run_batch(served_bundle, later(30, 0.3), database, progress=fail, chunk=100, piece=100)
    assert content(database) == before
    with database.read() as session:
        assert Grades(session).current_run() == old
    assert not list(tmp_path.glob(".tierwise-*"))
