"""#75: a share of the customers is graded and served by a second model, and every grade stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sqlalchemy import text

from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.canary.standing import Deciding, change_share, end
from serving.domain.canary import PLACES, CanaryEnding
from serving.domain.grade import Run
from serving.errors import AuditError, BatchError
from serving.replay import replay, replay_runs, sides_of
from serving.sealing import prove_grade, verify_runs
from serving.sides import Tried
from serving.store.drift import DriftReports
from serving.store.grades import Grades
from serving.store.portfolio import list_customers
from serving.store.session import Database
from tests.serving.canary.conftest import LEFT_OUT, T0
from training.bundle import Bundle

LATER = Deciding("ana", T0.replace(hour=9), "enough")


def grades_of(database: Database, run: Run) -> dict[str, tuple[float, str, str, bool]]:
    """Return score, tier, bundle and side by customer."""
    with database.read() as session:
        page = Grades(session).page(run, limit=1_000)
    return {
        g.customer_id: (g.score, g.tier.id, g.basis.bundle_digest, g.basis.canary)
        for g in page.items
    }


def test_each_side_is_graded_by_its_own_model_and_replays_to_the_last_bit(
    database: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    alone = run_batch(served_bundle, frame, database).run
    before = grades_of(database, alone)
    tried = begin(database)
    run = run_batch(served_bundle, frame, database, canary=tried).run
    found = grades_of(database, run)
    assert run.canary is not None
    assert run.canary.columns == tuple(n for n in run.columns if n != LEFT_OUT)
    assert len(run.canary.layout) < len(run.layout)
    of_canary = {c for c, told in found.items() if told[3]}
    assert of_canary == {c for c in found if tried.plan.takes(c)}
    assert len(of_canary) == run.canary.customers
    assert stats.binomtest(len(of_canary), len(found), 0.3).pvalue > 1e-6
    # The champion's customers have the grades they would have without a canary, bit for bit.
    for customer, told in found.items():
        if customer in of_canary:
            assert told[2] == second.digest
        else:
            assert told == before[customer]
    assert any(found[c][0] != before[c][0] for c in of_canary)

    with database.read() as session:
        both = replay(session, run, frame, second, served_bundle)
        assert both.stands
        assert both.grades == len(frame)
        with pytest.raises(AuditError, match="another bundle") as caught:
            replay(session, run, frame, served_bundle)
        assert caught.value.context["needed"] == second.digest
        # What only one side gave needs only its bundle.
        one = next(iter(of_canary))
        grade = Grades(session).of(one, run)
        assert grade is not None
        assert replay(session, run, frame, second, only=grade.grade_id).stands
        asked: list[str] = []

        def bundle_of(digest: str) -> Bundle:
            asked.append(digest)
            return {b.digest: b for b in (served_bundle, second)}[digest]

        wanted = {alone.run_id: None, run.run_id: frozenset([grade.grade_id])}
        assert all(r.stands for r in replay_runs(session, wanted, bundle_of, lambda _: frame))
        assert asked == [served_bundle.digest, second.digest]

        verify_runs(session)
        assert prove_grade(session, run.run_id, grade.grade_id).holds()
        store = Grades(session)
        for graded, evidence in store.with_evidence(run):
            told = store.explanation(graded)
            assert told is not None
            assert len(evidence.contributions) == len(run.rests(graded).layout)
            total = told.base + sum(entry.contribution for entry in told.entries)
            assert abs(total - graded.score) < 1e-9
            assert (LEFT_OUT in graded.indicators) != graded.basis.canary
        listed = list_customers(session, run.run_id, size=1_000)
        amounts = {row.customer_id: row.net_amount_365d for row in listed.rows}
        numbers = DriftReports(session).numbers(run, 10_000)
    known = frame.values[:, frame.columns.index("net_amount_365d")]
    assert [amounts[c] for c in frame.customer_id.tolist()] == known.tolist()
    assert np.isnan(numbers[LEFT_OUT]).sum() >= len(of_canary)
    assert sorted(numbers["net_amount_365d"]) == sorted(known)


def test_a_side_that_is_moved_past_the_service_is_found(
    database: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    run = run_batch(served_bundle, frame, database, canary=begin(database)).run
    with database.write() as session:
        session.execute(
            text(
                "UPDATE grade SET side = NULL WHERE grade_id = (SELECT min(grade_id) FROM grade "
                "WHERE side = 'canary')"
            )
        )
    with database.read() as session, pytest.raises(AuditError, match="not as the audit trail"):
        verify_runs(session)
    with database.write() as session:
        session.execute(text("UPDATE run SET canary = NULL"))
    with database.read() as session:
        bare = Grades(session).run(run.run_id)
        assert bare is not None
        assert bare.canary is None
        with pytest.raises(AuditError, match="not stored as") as caught:
            replay(session, bare, frame, served_bundle, second)
        assert caught.value.context["fields"] == ["canary"]
        with pytest.raises(AuditError, match="changed"):
            verify_runs(session)


def test_the_same_customer_stays_where_it_is_and_tiers_are_held_across_sides(
    lite: Database,
    served_bundle: Bundle,
    second: Bundle,
    frames: tuple[IndicatorFrame, IndicatorFrame],
    begin: Callable[..., Tried],
) -> None:
    earlier, frame = frames
    tried = begin(lite, 20)
    first = run_batch(served_bundle, earlier, lite, canary=tried).run
    again = run_batch(served_bundle, earlier, lite, canary=tried)
    assert not again.created  # the same customers, models and share
    more = Tried(change_share(lite, 60 * PLACES // 100, LATER), second)
    with pytest.raises(BatchError, match="changed while"):
        run_batch(served_bundle, earlier, lite, canary=tried)
    run = run_batch(served_bundle, frame, lite, canary=more).run
    was, now = grades_of(lite, first), grades_of(lite, run)
    assert {c for c in was if was[c][3]} <= {c for c in now if now[c][3]}
    with lite.read() as session:
        assert replay(session, run, frame, served_bundle, second).stands
        assert replay(session, first, earlier, served_bundle, second).stands
        assert {s.basis.canary for s in sides_of(session, run)} == {False, True}
    end(lite, CanaryEnding.STOPPED, LATER)
    back = run_batch(served_bundle, frame, lite).run  # at once, without being forced
    assert back.run_id != run.run_id
    assert not any(told[3] for told in grades_of(lite, back).values())
    assert back.canary is None


@pytest.mark.parametrize("percent", [0, 100])
def test_all_or_nobody(
    lite: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
    percent: float,
) -> None:
    run = run_batch(served_bundle, frame, lite, canary=begin(lite, percent)).run
    assert run.canary is not None
    assert run.canary.customers == len(frame) * percent / 100
    assert sum(s.customers for s in run.tiers) == run.customers == len(frame)
    by = second if percent else served_bundle
    with lite.read() as session:
        assert replay(session, run, frame, by).stands
        verify_runs(session)
        assert len(DriftReports(session).numbers(run, 10_000)["score"]) == len(frame)


def test_an_abort_while_a_batch_grades_leaves_the_run_before(
    database: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    before = run_batch(served_bundle, frame, database).run
    tried = begin(database)

    def aborting(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("store", 0):
            end(database, CanaryEnding.STOPPED, LATER)

    with pytest.raises(BatchError, match="canary was changed"):
        run_batch(served_bundle, frame, database, canary=tried, progress=aborting)
    with database.read() as session:
        assert Grades(session).current_run() == before


def test_a_canary_that_does_not_fit_is_refused(
    lite: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    tried = begin(lite)
    scheme = second.scheme.model_copy(update={"version": "9.0.0"})
    other = dataclasses.replace(second, scheme=scheme)
    for bundle, told in ((other, "another scheme"), (served_bundle, "it is the champion")):
        with pytest.raises(BatchError, match=told):
            run_batch(served_bundle, frame, lite, canary=Tried(tried.plan, bundle))
    kept = [k for k, name in enumerate(frame.columns) if name != LEFT_OUT]
    columns = tuple(frame.columns[k] for k in kept)
    short = dataclasses.replace(frame, columns=columns, values=frame.values[:, kept])
    with pytest.raises(BatchError, match="lacks 1 column"):
        run_batch(second, short, lite, canary=Tried(tried.plan, served_bundle))
    with lite.read() as session:
        assert Grades(session).current_run() is None


def test_runs_from_before_there_were_canaries_stand_as_they_did(
    database: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    run = run_batch(served_bundle, frame, database).run
    database.downgrade("0013")  # a store as it was written then
    database.upgrade()
    with database.read() as session:
        assert verify_runs(session).grades == len(frame)
        assert replay(session, run, frame, served_bundle).stands
        assert Grades(session).run(run.run_id) == run
    run_batch(served_bundle, frame, database, canary=begin(database))
    database.downgrade("0013")
    database.upgrade()
    with database.read() as session, pytest.raises(AuditError) as caught:
        verify_runs(session)  # what was forgotten shows
    assert len(caught.value.context["wrong"]) == 2
