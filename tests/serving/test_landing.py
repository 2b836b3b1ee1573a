"""A run in pieces: in the order of its indexes, seen by nobody before its last, told to the end."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from serving.audit import verify
from serving.batch import run_batch
from serving.errors import BatchError, StoreError
from serving.following import catch_up
from serving.nightly.merging import InOrder, best_first, by_customer
from serving.nightly.pace import LEAST, MOST, WANTED, Pace
from serving.sealing import verify_runs
from serving.store.audit_events import AuditEvents
from serving.store.drift import DriftReports
from serving.store.grades import Grades
from serving.store.past import Past
from serving.store.ranks import RANK_COLUMNS, Ranks, rank_row
from serving.store.raw import grade_ids, strays
from serving.store.reviews import Reviews
from serving.store.rows import GRADE_COLUMNS
from serving.store.session import Database
from serving.store.steps import RunSteps
from serving.store.tables import GradeRow, RankRow
from tests.serving.order_log import Later
from tiering.panel.policy_file import packaged_panel
from training.bundle import Bundle

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 12.5, 50.0]), st.text("ab客", max_size=3)))


@given(st.lists(ROWS, max_size=8), st.integers(1, 9))
def test_whatever_comes_in_any_order_goes_out_in_that_of_the_keys(
    chunks: list[list[tuple[float, str]]], run: int
) -> None:
    with InOrder[tuple[float, str]](lambda row: row, run=run) as kept:
        for chunk in chunks:
            kept.add(iter(chunk))
        everything = [each for chunk in chunks for each in chunk]
        assert len(kept) == len(everything)
        for _ in range(2):
            assert list(kept) == sorted(everything)


def test_grades_come_by_customer_and_places_best_score_first() -> None:
    def row(score: float, customer: str) -> tuple[object, ...]:
        values = {"score": score, "customer_id": customer, "run_id": "r", "tier_index": 1}
        return tuple(values.get(name) for name in GRADE_COLUMNS)

    given = [row(0.0, "b"), row(50.0, "c"), row(50.0, "a"), row(7.5, "客")]
    keys = [by_customer((grade, ())) for grade in given]  # type: ignore[arg-type]
    assert keys == ["b", "c", "a", "客"]
    ranked = sorted((rank_row(grade) for grade in given), key=best_first)  # type: ignore[arg-type]
    assert [place[RANK_COLUMNS.index("customer_id")] for place in ranked] == ["a", "c", "客", "b"]
    assert [place[RANK_COLUMNS.index("minus_score")] for place in ranked] == [-50, -50, -7.5, 0]
    assert str(ranked[-1][1]) == "0.0", "no negative zero, which SQLite does not keep"


def test_a_pace_finds_what_is_done_in_the_time_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pace = [0.0], Pace()
    monkeypatch.setattr("serving.nightly.pace.perf_counter", lambda: now[0])

    def work(each: float) -> int:
        size = pace.size
        with pace.timed(size):
            now[0] += size * each
        return pace.size

    for _ in range(20):
        work(WANTED / 1_000)
    assert pace.size == pytest.approx(1_000, rel=0.01)
    assert work(100.0) == pytest.approx(500, rel=0.01), "by half at most"
    for _ in range(9):
        work(100.0)
    assert pace.size == LEAST
    for _ in range(20):
        work(0.0)
    assert pace.size == MOST


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(GradeRow)) or 0


def test_a_run_that_is_being_written_is_not_there_for_anybody(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    old = run_batch(served_bundle, later(0, 1.0), database).run
    customer = str(later(0, 1.0).customer_id[7])
    standing = database.standing
    mark = standing.mark() or standing.look()
    looked: list[int] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage != "store" or not 0 < done < total:
            return
        assert stored(database) == old.customers + done, "pieces are there"
        with database.read() as session:
            store, past = Grades(session), Past(session, customer)
            assert store.current_run() == old
            assert store.runs() == (old,)
            assert [each.basis.run_id for each in store.history(customer)] == [old.run_id]
            assert past.page().total == len(past.page().items) == 1
            on = past.on(old.basis.as_of + timedelta(days=99))
            assert on is not None
            assert on.basis.run_id == old.run_id
            assert past.first_day() == old.basis.as_of
            assert {run_id for _, run_id in grade_ids(session)} == {old.run_id}
            (coming,) = RunSteps(session).coming()
            assert store.run(coming) is None
            some = session.scalar(select(GradeRow.grade_id).where(GradeRow.run_id == coming))
            assert store.one(str(some)) is None
            assert strays(session) == []
            assert verify_runs(session).runs == 1
        # Others write, but no other batch does.
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        with pytest.raises(BatchError, match="Another batch is writing"):
            run_batch(served_bundle, later(0, 0.5), database)
        catch_up(database, packaged_panel())  # leaves it to who is alive
        time.sleep(0.3 if standing.mark() is None else 0)
        assert (standing.mark() or standing.look()) == mark, "kept answers stay"
        looked.append(done)

    new = run_batch(served_bundle, later(30, 0.4), database, progress=meanwhile, piece=90).run
    assert looked
    with database.read() as session:
        assert Grades(session).current_run() == new
        assert new.previous_run_id == old.run_id
        assert RunSteps(session).coming() == ()
        assert RunSteps(session).telling() is None
        verify(session)
        assert verify_runs(session).runs == 2
        assert len(Grades(session).history(customer)) == 2
    assert (standing.look() or ("",))[0] == new.run_id


def test_a_run_that_dies_among_its_places_is_taken_away_some_at_a_time(
    database: Database, served_bundle: Bundle, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run_batch(served_bundle, later(0, 1.0), database).run
    monkeypatch.setattr("serving.nightly.landing._DISCARDED", 50)
    monkeypatch.setattr("serving.nightly.pace.WANTED", 0.0)  # no piece grows
    graded: list[int] = []

    def fail(stage: str, done: int, total: int) -> None:
        if stage == "store" and done == total:
            graded.append(places(database, old.run_id))
            if len(graded) == 2:
                raise StoreError("The power is out.")

    with pytest.raises(StoreError, match="power"):
        run_batch(served_bundle, later(30, 0.3), database, progress=fail, piece=30)
    assert 0 < graded[0] < graded[1] < old.customers, "it died among them"
    assert places(database, old.run_id) == 0
    assert stored(database) == old.customers
    with database.read() as session:
        assert RunSteps(session).coming() == ()
        assert verify_runs(session).runs == 1
        assert Ranks(session).count([RankRow.run_id == old.run_id]) == old.customers


def places(database: Database, run_id: str) -> int:
    """Return how many places there are of other runs."""
    with database.read() as session:
        return Ranks(session).count([RankRow.run_id != run_id])


def test_what_is_told_in_pieces_goes_on_where_it_stopped(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    # Without a policy that holds tiers, so that they change at once.
    scheme = served_bundle.scheme.model_copy(update={"migration": None})
    bundle = replace(served_bundle, scheme=scheme)
    old = run_batch(bundle, later(0, 1.0), database).run

    def fail(stage: str, done: int, total: int) -> None:
        if stage == "follow":
            raise StoreError("The power is out.")

    frame = later(30, 0.3)
    with pytest.raises(StoreError, match="power"):
        run_batch(bundle, frame, database, progress=fail, piece=40)
    with database.read() as session:
        run = Grades(session).current_run()
        left = RunSteps(session).telling()
        told = {e.subject for e in AuditEvents(session).of_action("tier.changed")}
        verify(session)
    assert run is not None
    assert run.run_id != old.run_id, "it is served all the same"
    assert left is not None
    assert (left.run_id, left.served_run_id) == (run.run_id, old.run_id)
    assert told
    again = run_batch(bundle, frame, database)
    assert not again.created
    with database.read() as session:
        assert RunSteps(session).telling() is None
        before = Grades(session).held_in(old.run_id).tiers
        after = Grades(session).held_in(run.run_id).tiers
        moved = sorted(f"customer:{c}" for c in after if after[c][0] != before[c][0])
        events = [e.subject for e in AuditEvents(session).of_action("tier.changed")]
        assert sorted(events) == moved, "everybody once"
        assert len(told) < len(moved)
        live = Reviews(session).open_cases()
        assert {case.run_id for case in live.values()} == {run.run_id}
        assert len(live) == run.referred
        verify(session)


def test_ids_come_in_the_order_of_the_customers(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    run = run_batch(served_bundle, later(0, 1.0), database).run
    with database.read() as session:
        held = Grades(session).held_in(run.run_id).tiers
        graded = {c: Grades(session).of(c, run) for c in sorted(held)[:50]}
        cases = Reviews(session).open_cases()
    ids = [grade.grade_id for grade in graded.values() if grade is not None]
    assert ids == sorted(ids)
    opened = [cases[customer].case_id for customer in sorted(cases)]
    assert opened == sorted(opened)
    assert len(set(opened)) == run.referred > 1


def test_customers_are_drawn_for_the_watch_over_drift(
    database: Database, served_bundle: Bundle, later: Later
) -> None:
    run = run_batch(served_bundle, later(0, 1.0), database).run
    with database.read() as session:
        reports = DriftReports(session)
        whole, drawn = reports.numbers(run, 10_000), reports.numbers(run, 40)
        assert drawn["score"].tolist() == reports.numbers(run, 40)["score"].tolist()
    assert len(whole["score"]) == run.customers
    assert len(drawn["score"]) == 40
    assert set(drawn["score"]) <= set(whole["score"])
    assert drawn["score"].mean() < sorted(whole["score"])[-40], "not the best of them"
