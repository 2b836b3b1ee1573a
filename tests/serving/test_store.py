"""The store: schema, transactions, paging."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from features.schema import IndicatorFrame
from serving.audit import record, verify
from serving.batch import BatchResult, run_batch
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.errors import InvalidRequestError, StoreError
from serving.problems import status_of
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades, run_of_cursor
from serving.store.known_runs import KEPT, KnownRuns
from serving.store.paging import decode_cursor, encode_cursor
from serving.store.session import Database
from tests.postgres import Postgres
from training.bundle import Bundle

NOW = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def served(database: Database, served_bundle: Bundle, frame: IndicatorFrame) -> Database:
    run_batch(served_bundle, frame, database)
    return database


def test_a_path_with_a_percent_sign_is_no_interpolation(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path / 'deep' / 'a%b' / 'store.db'}")
    assert store.revision() is None
    assert not store.is_current()
    store.upgrade()
    store.upgrade()
    assert store.is_current()
    store.dispose()


def test_the_engine_keeps_what_the_code_assumes(database: Database, engine: str) -> None:
    asked = (
        {"PRAGMA journal_mode": "wal", "PRAGMA foreign_keys": 1}
        if engine == "sqlite"
        else {
            "SHOW transaction_isolation": "repeatable read",
            "SHOW transaction_read_only": "on",
            "SHOW statement_timeout": "1min",
            "SHOW lock_timeout": "15s",
            "SHOW timezone": "UTC",
            "SHOW application_name": "tierwise",
        }
    )
    with database.read() as session:
        for statement, told in asked.items():
            assert session.execute(text(statement)).scalar() == told
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(
            text(
                "INSERT INTO grade_explanation VALUES ('no-such-grade', 1, '[]', '{}', '{}', '[]')"
            )
        )


def test_a_failing_transaction_leaves_nothing(database: Database) -> None:
    event = "INSERT INTO audit_event VALUES (1, '2024-01-01', 'a', 'b', 'c', '{}', 'p', 'h')"

    def fail() -> None:
        with database.write() as session:
            session.execute(text(event))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM audit_event")).scalar() == 0


@pytest.mark.parametrize("url", ["not a url", "nosuchdialect://x", "sqlite:////dev/null/x/y.db"])
def test_a_useless_url_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        Database(url)


def test_a_store_without_schema_says_so(empty_url: str) -> None:
    store = Database(empty_url)
    missing = "no such table|does not exist"
    with pytest.raises(StoreError, match=missing), store.read() as session:
        Grades(session).current_run()
    store.dispose()


def test_our_own_mistakes_are_no_trouble_of_the_store(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(text("INSERT INTO audit_event (sequence) VALUES (1)"))


def test_a_text_that_no_text_may_be_is_refused_or_found_nowhere(
    database: Database, engine: str
) -> None:
    with database.read() as session:
        if engine == "sqlite":
            assert Grades(session).run("\0") is None
    if engine == "postgresql":
        with pytest.raises(InvalidRequestError, match="character"), database.read() as session:
            Grades(session).run("\0")


def test_readers_see_one_moment_and_writers_wait_for_each_other(database: Database) -> None:
    """One writer at a time, on both engines: what it read stays true until it commits."""
    order: list[str] = []
    reading = threading.Event()

    def write(name: str) -> None:
        with database.write() as session:
            last = AuditEvents(session).last()
            order.append(f"{name} begins behind {last.sequence if last else 0}")
            reading.set()
            time.sleep(0.2)
            record(session, [Happening("x.done", f"x:{name}", {})], at=NOW, actor=name)
            order.append(f"{name} ends")

    with database.read() as session:
        assert AuditEvents(session).last() is None
        threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert AuditEvents(session).last() is None, "the reader's moment is kept"
    assert [line[2:] for line in order] == ["begins behind 0", "ends", "begins behind 1", "ends"]
    with database.read() as session:
        assert verify(session).size == 2


@pytest.mark.parametrize("query", ["", "?application_name=own&connect_timeout=2"])
def test_what_the_url_says_goes_before_our_settings(postgres: Postgres, query: str) -> None:
    # A URL without a driver means ours.
    url = postgres.url("postgres").replace("+psycopg", "")
    store = Database(url + query.replace("?", "&"))
    with store.read() as session:
        name = session.execute(text("SHOW application_name")).scalar()
    assert name == ("own" if query else "tierwise")
    store.dispose()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is not a database, but long enough to look at" * 30)
    with pytest.raises(StoreError):
        Database(f"sqlite:///{tmp_path / 'x.db'}").upgrade()


def test_pages_meet_every_customer_once(served: Database) -> None:
    with served.read() as session:
        store = Grades(session)
        run = store.current_run()
        assert run is not None
        seen, cursor = [], None
        while True:
            page = store.page(run, limit=47, cursor=cursor)
            seen += [(-g.score, g.customer_id) for g in page.items]
            assert page.total == run.customers
            cursor = page.cursor
            if cursor is None:
                break
            assert run_of_cursor(cursor) == run.run_id
    assert len(seen) == len(set(seen)) == run.customers
    assert seen == sorted(seen)


def test_filters_agree_with_the_summary(served: Database) -> None:
    with served.read() as session:
        store = Grades(session)
        run = store.current_run()
        assert run is not None
        for summary in run.tiers:
            assert store.page(run, tier_id=summary.tier.id).total == summary.customers
            both = store.page(run, tier_id=summary.tier.id, referred=True, limit=500)
            assert both.total == len(both.items) == summary.referred
        stages = {s.id: store.page(run, stage=s.id).total for s in run.basis.stages}
        assert sum(stages.values()) == run.customers
        assert store.page(run, stage="nonsense").total == 0
        assert store.page(run, tier_id="nonsense").total == 0
        assert store.page(run, referred=True).total == run.referred
        assert [g.customer_id for g in store.page(run, prefix="c-0007").items] == ["c-0007"]
        assert store.page(run, prefix="c_").total == 0
        assert store.page(run, prefix="C-").total == 0, "ids are told apart by case"


def test_ties_are_paged_by_customer(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    same = replace(frame, values=frame.values[[0] * len(frame)])
    run_batch(served_bundle, same, database)
    with database.read() as session:
        store = Grades(session)
        run = store.current_run()
        assert run is not None
        first = store.page(run, limit=10)
        second = store.page(run, limit=10, cursor=first.cursor)
    ids = [g.customer_id for g in (*first.items, *second.items)]
    assert ids == sorted(frame.customer_id.tolist())[:20]


def test_what_is_stored_reads_back_as_it_was(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    from serving.domain.tenure import HeldBefore
    from serving.holding import hold
    from serving.scoring import aligned, grade

    result = run_batch(served_bundle, frame, database)
    values = aligned(served_bundle, frame)
    again = grade(served_bundle, values, frame.customer_id.tolist(), result.run.basis)
    held = hold(again.grades, served_bundle.scheme, HeldBefore(), frame.as_of)
    with database.read() as session:
        store = Grades(session)
        assert store.current_run() == result.run
        assert store.run(result.run.run_id) == result.run
        assert store.run("nonsense") is None
        assert store.runs() == (result.run,)
        assert len(store.scores(result.run)) == len(frame)
        for row, graded in enumerate(held[:60]):
            kept = store.of(graded.customer_id, result.run)
            assert kept is not None
            expected = replace(graded, grade_id=kept.grade_id)  # the store gives it
            assert kept == expected
            assert store.one(kept.grade_id) == (result.run, kept)
            assert store.history(expected.customer_id) == (expected,)
            assert store.explanation(expected) == again.explanations.of(row, expected)
        assert store.of("nobody", result.run) is None
        assert store.explanation(replace(again.grades[0], grade_id="gone")) is None


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "W10", "WzFd", "é", "WyJhIiwxLCJiIl0="])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode_cursor(cursor, (str, float, str))
    assert caught.value.faults[0].parameter == "cursor"


def test_a_cursor_keeps_floats_exactly() -> None:
    key = ("run", 0.1 + 0.2, "客户/1")
    assert decode_cursor(encode_cursor(*key), (str, float, str)) == key


def test_the_served_run_is_read_once_and_a_newer_one_at_once(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    def current() -> Run | None:
        with database.read() as session:
            return Grades(session).current_run()

    assert current() is None
    first = run_batch(served_bundle, frame, database).run
    assert current() == first
    assert current() is current()
    second = run_batch(served_bundle, frame, database, force=True).run
    assert current() == second != first
    with database.read() as session:
        store = Grades(session)
        assert store.run(first.run_id) == first
        assert store.run("nonsense") is None


def test_a_run_that_is_rolled_back_is_never_served(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    run = run_batch(served_bundle, frame, database).run
    later = run.finished_at + timedelta(days=1)
    lost = replace(run, run_id="lost", basis=replace(run.basis, run_id="lost"), finished_at=later)

    def write_and_die() -> None:
        with database.write() as session:
            store = Grades(session)
            store.add_run(lost)
            assert store.current_run() == lost
            raise RuntimeError("dies")

    with pytest.raises(RuntimeError, match="dies"):
        write_and_die()
    with database.read() as session:
        assert Grades(session).current_run() == run
        assert Grades(session).run("lost") is None


def test_only_a_few_runs_are_remembered(graded: BatchResult) -> None:
    known, read = KnownRuns(), []

    def get(run_id: str) -> Run:
        def from_store() -> Run:
            read.append(run_id)
            return replace(graded.run, run_id=run_id)

        return known.get(run_id, from_store)

    ids = [f"run-{n}" for n in range(KEPT + 1)]
    assert [get(run_id).run_id for run_id in ids] == ids
    get(ids[-1])
    assert read == ids
    get(ids[0])
    assert read == [*ids, ids[0]]


def test_a_store_in_memory_cannot_be_shared() -> None:
    with pytest.raises(StoreError):
        Database("sqlite://")


def test_a_store_without_a_connection_to_spare_says_so(database: Database) -> None:
    with (
        pytest.raises(StoreError, match="no connection") as told,
        database.read(),
    ):
        raise NoConnectionError("QueuePool limit")
    assert status_of(told.value) == 503
