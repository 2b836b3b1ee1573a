"""Runs are sealed: a grade changed, added or taken away past the service is found, and provable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from features.schema import IndicatorFrame
from serving.audit import verify
from serving.batch import run_batch
from serving.domain.grade import Run
from serving.domain.merkle import MerkleTree, head_of
from serving.domain.seal import Seal, record_digest
from serving.errors import AuditError, StoreError
from serving.sealing import prove_grade, verify_runs
from serving.store.grades import Grades
from serving.store.portfolio import list_customers
from serving.store.session import Database
from training.bundle import Bundle


@pytest.fixture
def run(database: Database, served_bundle: Bundle, frame: IndicatorFrame) -> Run:
    return run_batch(served_bundle, frame, database).run


def test_what_was_written_is_what_is_read(database: Database, run: Run) -> None:
    told: list[tuple[int, int]] = []
    with database.read() as session:
        verify(session)
        found = verify_runs(session, lambda *done: told.append(done))
    assert (found.runs, found.grades, found.unsealed) == (1, run.customers, 0)
    assert told == [(0, 1), (1, 1)]


def test_one_grade_is_proved_without_the_others(database: Database, run: Run) -> None:
    with database.read() as session:
        grade_id = session.execute(text("SELECT max(grade_id) FROM grade")).scalar_one()
        proof = prove_grade(session, run.run_id, grade_id)
        with pytest.raises(AuditError, match="no grade 'nobody'"):
            prove_grade(session, run.run_id, "nobody")
        with pytest.raises(AuditError, match="before runs were sealed"):
            prove_grade(session, "nothing", grade_id)
    assert proof.holds()
    assert proof.head.size == run.customers
    assert len(proof.path) <= int(np.ceil(np.log2(run.customers)))
    better = {**proof.grade, "score": 99.0}
    assert not replace(proof, grade=better).holds()
    assert not replace(proof, place=proof.place ^ 1).holds()


CHANGES = (
    "UPDATE grade SET score = score + 1e-9 WHERE grade_id = '{g}'",
    "UPDATE grade SET reason_texts = '{{\"en\": [\"x\"]}}' WHERE grade_id = '{g}'",
    "UPDATE grade SET tier_since = '2001-01-01' WHERE grade_id = '{g}'",
    "UPDATE grade SET customer_id = 'somebody' WHERE grade_id = '{g}'",
    "UPDATE grade_explanation SET base = base + 1e-9 WHERE grade_id = '{g}'",
    "DELETE FROM grade_explanation WHERE grade_id = '{g}'",
    "UPDATE run SET currency = 'USD'",
    "UPDATE run SET known_at = '2001-01-01 00:00:00'",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_any_change_is_found(database: Database, run: Run, statement: str) -> None:
    with database.write() as session:
        grade_id = session.execute(text("SELECT max(grade_id) FROM grade")).scalar_one()
        session.execute(text(statement.format(g=grade_id)))
    with database.read() as session:
        verify(session)
        with pytest.raises(AuditError, match="not as the audit trail recorded") as caught:
            verify_runs(session)
        if "run SET" not in statement:
            with pytest.raises(AuditError, match="not those that were recorded"):
                prove_grade(session, run.run_id, grade_id)
    assert caught.value.context["wrong"]


LISTS = (
    "UPDATE grade_rank SET minus_score = minus_score + 1e-9",
    "UPDATE grade_rank SET customer_id = 'somebody' WHERE customer_id = 'c-0007'",
    "UPDATE grade_rank SET tier_index = 1 - tier_index WHERE tier_index < 2",
    "UPDATE grade_rank SET referred = NOT referred WHERE customer_id = 'c-0007'",
    "UPDATE grade_rank SET stage = NULL WHERE customer_id = 'c-0007'",
    "DELETE FROM grade_rank WHERE customer_id = 'c-0007'",
    "INSERT INTO grade_rank SELECT run_id, minus_score, 'somebody', tier_index, referred, stage "
    "FROM grade_rank WHERE customer_id = 'c-0007'",
)


@pytest.mark.parametrize("statement", LISTS)
def test_lists_that_are_not_those_of_the_grades_are_found(
    database: Database, run: Run, statement: str
) -> None:
    with database.write() as session:
        session.execute(text(statement))
    with database.read() as session:
        verify(session)
        with pytest.raises(AuditError, match="its lists are not those of its grades"):
            verify_runs(session)


def test_a_list_of_somebody_without_a_grade_is_not_shown(database: Database, run: Run) -> None:
    columns = "tier_index, referred, stage"
    with database.write() as session:
        forged = f"SELECT run_id, -101, 'nobody', {columns} FROM grade_rank LIMIT 1"
        into = f"INSERT INTO grade_rank (run_id, minus_score, customer_id, {columns})"
        session.execute(text(f"{into} {forged}"))
    with database.read() as session:
        with pytest.raises(StoreError, match="'nobody', who has no grade"):
            Grades(session).page(run)
        with pytest.raises(StoreError, match="'nobody', who has no grade"):
            list_customers(session, run.run_id)


def test_a_run_that_came_or_went_past_the_service_is_found(database: Database, run: Run) -> None:
    columns = "run_id, customer_id, grade_id"
    with database.write() as session:
        names = session.execute(text("SELECT * FROM run")).keys()
        own = ", ".join(f"'forged' AS {n}" if n == "run_id" else f'"{n}"' for n in names)
        session.execute(text(f"INSERT INTO run SELECT {own} FROM run"))
    with database.read() as session, pytest.raises(AuditError, match="forged: not in the trail"):
        verify_runs(session)
    assert columns


def test_a_run_from_before_seals_is_told_apart(
    database: Database,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    served_bundle: Bundle,
    frame: IndicatorFrame,
) -> None:
    monkeypatch.setattr("serving.batch.sealed", lambda *_: {})
    run_batch(served_bundle, frame, database, force=True)
    with database.read() as session:
        assert verify_runs(session).unsealed == 1


Rows = st.lists(
    st.tuples(st.text(min_size=1, max_size=4), st.floats(allow_nan=False), st.binary(max_size=4)),
    max_size=20,
)


@given(Rows)
def test_a_seal_knows_no_order_and_streams_its_head(rows: list[tuple[object, ...]]) -> None:
    def seal_of(given: list[tuple[object, ...]]) -> Seal:
        seal = Seal()
        seal.add_rows(("grade_id", "score", "blob"), given, ("grade_id",), [r[:1] for r in given])
        return seal

    seal = seal_of(rows)
    assert seal.head == seal_of(rows[::-1]).head
    assert seal.head == MerkleTree(seal.leaves()).head == head_of(seal.leaves())
    if rows:
        assert seal_of(rows[:-1]).head != seal.head


def test_what_is_stored_alike_is_hashed_alike() -> None:
    same: tuple[Callable[[], dict[str, object]], ...] = (
        lambda: {"a": 0.0, "day": date(2026, 1, 2), "doc": [1, 2], "x": None},
        lambda: {"day": "2026-01-02", "a": np.float64(-0.0), "doc": "[1, 2]", "later": "{}"},
    )
    assert len({record_digest(each()) for each in same}) == 1
    assert record_digest({"a": 1}) != record_digest({"b": 1})
    assert record_digest({"a": 1}, {}) != record_digest({}, {"a": 1})
