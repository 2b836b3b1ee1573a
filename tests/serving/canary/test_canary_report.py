"""What both sides of a canary are told to differ in: right, with its uncertainty, and no more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sqlalchemy import text

from features.manifest import Entry, Manifest, file_hash
from features.parquet import Outcomes, write_outcomes
from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.canary import standing
from serving.canary.contrasts import SMALL, Estimate, figure, mean_of, share_of
from serving.canary.page import page
from serving.canary.reporting import make_report
from serving.canary.standing import Deciding
from serving.domain.canary import PLACES, CanaryEnding, CanaryPlan, place_of
from serving.errors import BatchError, ConflictError, InvalidRequestError
from serving.reviewing.appealing import Complaint, file_appeal
from serving.shadow.grading import grade_shadow
from serving.sides import Tried
from serving.store.audit_events import AuditEvents
from serving.store.canaries import Canaries
from serving.store.grades import Grades
from serving.store.session import Database
from tests.serving.canary.conftest import T0
from tests.serving.order_log import HORIZON
from tests.serving.reviewing.panel_room import Room, some
from training.bundle import Bundle

WHO = Deciding("ana", T0, "why")


def plan(share: int = 1_000, salt: str = "s") -> CanaryPlan:
    return CanaryPlan("p", "d" * 64, "4", share, salt, T0, "li.wei", "a trial")


@given(st.text(), st.text(max_size=40), st.integers(0, PLACES), st.integers(0, PLACES))
def test_a_customer_falls_where_it_fell_and_a_larger_share_keeps_all(
    salt: str, customer: str, one: int, other: int
) -> None:
    assert 0 <= place_of(salt, customer) < PLACES
    small, large = sorted((one, other))
    assert plan(small, salt).takes(customer) <= plan(large, salt).takes(customer)
    assert plan(PLACES, salt).takes(customer)
    assert not plan(0, salt).takes(customer)


@pytest.mark.parametrize("share", [100, 1_000, 3_333])
def test_the_share_is_honoured_within_what_chance_allows(share: int) -> None:
    n = 20_000
    of = plan(share, "pepper")
    taken = [of.takes(f"customer-{i}") for i in range(n)]
    assert stats.binomtest(sum(taken), n, share / PLACES).pvalue > 1e-4
    # Another salt chooses others, as if by chance.
    other = plan(share, "salt")
    both = sum(other.takes(f"customer-{i}") for i, mine in enumerate(taken) if mine)
    assert stats.binomtest(both, sum(taken), share / PLACES).pvalue > 1e-4
    places = np.bincount([place_of("x", str(i)) * 10 // PLACES for i in range(n)], minlength=10)
    assert stats.chisquare(places).pvalue > 1e-4


def test_figures_of_few_say_so_and_those_of_many_are_those_of_the_books() -> None:
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, 0.0524 to 0.3339.
    told = figure("x", "share", "", share_of(48, 80), share_of(56, 70))
    assert told["difference"]["value"] == pytest.approx(0.2)
    assert told["difference"]["lower"] == pytest.approx(0.0524, abs=5e-5)
    assert told["difference"]["upper"] == pytest.approx(0.3339, abs=5e-5)
    assert told["verdict"] == "differs"
    few = figure("x", "share", "", share_of(0, SMALL - 1), share_of(80, 80))
    assert few["verdict"] == "too_few"
    nobody = figure("x", "mean", "", mean_of(np.array([])), mean_of(np.array([1.0])))
    assert nobody["champion"] == {"value": None, "lower": None, "upper": None, "n": 0}
    assert nobody["canary"]["lower"] is None
    assert nobody["verdict"] == "too_few"
    assert share_of(0, 0).n == 0
    rng = np.random.default_rng(5)
    one, other = rng.normal(3, 1, 400), np.append(rng.normal(3, 4, 900), np.nan)
    same = figure("x", "mean", "", mean_of(one), mean_of(other))
    error = math.hypot(one.std(ddof=1) / 20, np.nanstd(other, ddof=1) / 30)
    assert same["canary"]["n"] == 900
    width = same["difference"]["upper"] - same["difference"]["lower"]
    assert width == pytest.approx(2 * 1.959964 * error)
    assert same["verdict"] == "not_shown"


@given(st.integers(30, 500), st.integers(30, 500), st.data())
def test_the_interval_of_a_difference_holds_it_and_turns_with_the_sides(
    n: int, m: int, data: st.DataObject
) -> None:
    one = share_of(data.draw(st.integers(0, n)), n)
    other = share_of(data.draw(st.integers(0, m)), m)
    there = figure("x", "share", "", one, other)["difference"]
    back = figure("x", "share", "", other, one)["difference"]
    assert -1 <= there["lower"] <= there["value"] <= there["upper"] <= 1
    assert there["lower"] == pytest.approx(-back["upper"])


def test_steps_leave_events_and_only_one_canary_stands(database: Database, second: Bundle) -> None:
    with pytest.raises(ConflictError, match="no canary"):
        standing.change_share(database, 5, WHO)
    first = standing.start(database, second, 100, WHO)
    with pytest.raises(ConflictError, match="Version 4 is the canary"):
        standing.start(database, second, 100, WHO)
    with pytest.raises(ConflictError, match="that share"):
        standing.change_share(database, 100, WHO)
    assert standing.change_share(database, 250, WHO).percent == 2.5
    standing.end(database, CanaryEnding.STOPPED, WHO)
    with pytest.raises(ConflictError, match="no canary"):
        standing.end(database, CanaryEnding.STOPPED, WHO)
    again = standing.start(database, second, 100, dataclasses.replace(WHO, at=T0 + timedelta(1)))
    assert again.salt != first.salt
    standing.failed(database, again, "gone", WHO)
    with database.read() as session:
        assert Canaries(session).last() == Canaries(session).standing() == again
        steps = [e.action for e in AuditEvents(session).about(f"canary:{first.plan_id}")]
        assert steps == ["canary.stopped", "canary.share_changed", "canary.started"]
        event = AuditEvents(session).about(f"canary:{first.plan_id}")[1]
        assert (event.actor, event.payload["share_before"], event.payload["share"]) == (
            "ana",
            100,
            250,
        )
        assert event.payload["reason"] == "why"
    with pytest.raises(ConflictError, match="somebody else"), database.write() as one:
        # Who looked before the other's was there.
        Canaries(one).add(dataclasses.replace(again, plan_id="x"))
    standing.end(database, CanaryEnding.PROMOTED, WHO)
    with database.read() as session:
        assert Canaries(session).standing() is None
        last = Canaries(session).last()
        assert last is not None
        assert (last.plan_id, last.ending) == (again.plan_id, CanaryEnding.PROMOTED)


@pytest.mark.parametrize("percent", [-0.01, 100.01, math.nan, math.inf, 0.005, 33.333])
def test_what_is_no_share(percent: float) -> None:
    with pytest.raises(InvalidRequestError):
        standing.share_of_percent(percent)
    assert standing.share_of_percent(12.34) == 1234
    assert standing.share_of_percent(0) == 0


def publish_outcomes(folder: Path, frame: IndicatorFrame, churned: np.ndarray) -> None:
    """Write what the customers of a day did, as `features publish` does; all but the last."""
    name = f"outcomes/{frame.as_of}-{HORIZON}d.parquet"
    (folder / "outcomes").mkdir(parents=True, exist_ok=True)
    did = Outcomes(
        as_of=frame.as_of,
        horizon_days=HORIZON,
        customer_id=frame.customer_id[:-1],
        churned=churned[:-1],
        net_value=np.where(churned, 0.0, 100.0)[:-1],
    )
    write_outcomes(did, folder / name)
    end = f"{frame.as_of}T23:59:59.999999"
    Manifest(
        world="small",
        currency="EUR",
        simulated=True,
        sources={},
        catalogue_hash="c" * 64,
        code_hash="d" * 64,
        entries={name: Entry(file_hash(folder / name), len(did), end, end, HORIZON)},
    ).save(folder)


def test_a_report_has_both_sides_and_what_came_of_them(
    tmp_path: Path,
    lite: Database,
    served_bundle: Bundle,
    frames: tuple[IndicatorFrame, IndicatorFrame],
    begin: Callable[..., Tried],
) -> None:
    earlier, frame = frames
    tried = begin(lite, 40)
    assert make_report(lite, tried.plan, tmp_path, T0) is None
    run_batch(served_bundle, earlier, lite, canary=tried)
    run = run_batch(served_bundle, frame, lite, canary=tried).run
    found = make_report(lite, tried.plan, tmp_path, T0)
    assert found is not None
    assert found.comparison["churn_outcomes"] is found.comparison["value_outcomes"] is None
    assert "not known yet" in page(tried.plan, found)
    churned = np.arange(len(earlier)) % 3 == 0
    publish_outcomes(tmp_path, earlier, churned)
    found = make_report(lite, tried.plan, tmp_path, T0 + timedelta(days=70))
    assert found is not None
    with lite.read() as session:
        assert Canaries(session).report(tried.plan.plan_id) == found
        grades = Grades(session).page(run, limit=1_000).items
        (first,) = (r for r in Grades(session).runs() if r.run_id != run.run_id)
        promised = {g.customer_id: g for g in Grades(session).page(first, limit=1_000).items}
    told = found.comparison
    assert (told["runs"], told["share"], told["small"]) == (2, 0.4, False)
    assert told["simulated"] is True
    of = {each["id"]: each for each in told["figures"]}
    for side, canary in (("champion", False), ("canary", True)):
        own = [g for g in grades if g.basis.canary == canary]
        assert told[side]["customers"] == len(own) == of["score"][side]["n"]
        assert of["score"][side]["value"] == pytest.approx(np.mean([g.score for g in own]))
        assert of["referred"][side]["value"] == pytest.approx(np.mean([g.referred for g in own]))
        for tier in run.basis.tiers:
            share = np.mean([g.tier.id == tier.id for g in own])
            assert of[f"tier:{tier.id}"][side]["value"] == pytest.approx(share)
        assert sum(told["scores"][side]["customers"]) == len(own)
        then = [
            (g.churn_probability, bool(churned[i]))
            for i, c in enumerate(earlier.customer_id.tolist()[:-1])
            if (g := promised[c]).basis.canary == canary
        ]
        assert of["realised:churned"][side]["n"] == len(then)
        assert of["realised:churned"][side]["value"] == pytest.approx(np.mean([d for _, d in then]))
        brier = np.mean([(p - d) ** 2 for p, d in then if p is not None])
        assert of["realised:churn_brier"][side]["value"] == pytest.approx(brier)
    assert told["churn_outcomes"]["as_of"] == earlier.as_of.isoformat()
    assert of["alerted"]["canary"]["value"] is not None
    written = page(tried.plan, found)
    assert written.startswith("# Canary 4 beside champion 3")
    assert "**The customers are simulated.**" in written
    assert "churn promise missed by (Brier)" in written
    assert "40.00 % planned" in written
    (tmp_path / f"outcomes/{earlier.as_of}-{HORIZON}d.parquet").write_bytes(b"other")
    bare = make_report(lite, tried.plan, tmp_path, T0)
    assert bare is not None
    assert bare.comparison["churn_outcomes"] is None  # not the file that the manifest names


def test_sides_of_a_few_are_told_as_such(
    tmp_path: Path,
    lite: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    tried = begin(lite, 1)
    run_batch(served_bundle, frame, lite, canary=tried)
    found = make_report(lite, tried.plan, tmp_path, T0)
    assert found is not None
    assert found.comparison["small"] is True
    assert {each["verdict"] for each in found.comparison["figures"]} == {"too_few"}
    assert "nothing is said about" in page(tried.plan, found)
    empty = standing.change_share(lite, 0, WHO)
    run_batch(served_bundle, frame, lite, canary=Tried(empty, tried.bundle))
    found = make_report(lite, tried.plan, tmp_path, T0)
    assert found is not None
    assert found.comparison["scores"]["canary"]["quantiles"] is None
    assert "| canary | – |" in page(empty, found)
    assert Estimate(1.0, 1.0, 1.0, 1).told()["n"] == 1


def test_overrides_and_appeals_are_told_of_the_side_they_happened_to(
    tmp_path: Path,
    lite: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    tried = begin(lite, 50)
    run = run_batch(served_bundle, frame, lite, canary=tried).run
    room = Room(lite, served_bundle, some(frame), now=run.finished_at + timedelta(hours=1))
    case = next(
        each
        for each in room.cases()
        if tried.plan.takes(each.customer_id) and 0 < room.grade(each.customer_id).tier.index < 3
    )
    assert room.grade(case.customer_id).basis.canary
    room.close(room.settle(case, room.tier(case, -1)))
    with lite.read() as session:
        page_of = Grades(session).page(run, limit=1_000).items
    other = next(g for g in page_of if not g.basis.canary and g.tier.index == 2)
    said = Complaint(other.customer_id, "Only one subsidiary is counted.", ("Annex B",), None)
    file_appeal(lite, said, room.who("crm"), room.policy)
    found = make_report(lite, tried.plan, tmp_path, room.now)
    assert found is not None
    of = {each["id"]: each for each in found.comparison["figures"]}

    def hits(name: str) -> tuple[int, int]:
        told = of[name]["champion"], of[name]["canary"]
        return tuple(round(each["value"] * each["n"]) for each in told)  # type: ignore[return-value]

    assert hits("overruled") == (0, 1)
    assert hits("appealed") == (1, 0)
    with lite.read() as session:
        alerts = session.execute(text("SELECT DISTINCT customer_id FROM alert")).scalars().all()
    takes = tried.plan.takes
    assert hits("alerted") == (sum(not takes(c) for c in alerts), sum(takes(c) for c in alerts))
    assert sum(hits("alerted")) > 0


def test_a_shadow_is_compared_with_the_champion_alone(
    database: Database,
    served_bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    begin: Callable[..., Tried],
) -> None:
    tried = begin(database, 30)
    run = run_batch(served_bundle, frame, database, canary=tried).run
    done = grade_shadow(second, frame, database, run)
    assert run.canary is not None
    assert done.customers == len(frame)
    assert done.comparison["slices"][0]["customers"] == len(frame) - run.canary.customers
    everybody = Tried(standing.change_share(database, PLACES, WHO), second)
    run = run_batch(served_bundle, frame, database, canary=everybody).run
    with pytest.raises(BatchError, match="the canary graded everybody"):
        grade_shadow(second, frame, database, run)
