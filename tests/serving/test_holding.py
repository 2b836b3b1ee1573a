"""Tiers held over runs: the scheme's migration policy through batch, store, API and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.grade import Grade, Run
from serving.replay import replay
from serving.settings import Settings
from serving.store.grades import Grades
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.order_log import SERVED_DAY
from tiering.migration.policy import MigrationPolicy
from tiering.packs.pack_file import packaged_packs
from tiering.policy import Scheme
from training.bundle import Bundle

POLICY = MigrationPolicy(hysteresis_up=1.0, hysteresis_down=2.0, grace_days=60)


@pytest.fixture(scope="module")
def steady(served_bundle: Bundle) -> Bundle:
    content = served_bundle.scheme.model_dump() | {
        "migration": POLICY.model_dump(),
        "packs": packaged_packs("four-tier").model_dump(),
    }
    return replace(served_bundle, scheme=Scheme.model_validate(content))


def later(frame: IndicatorFrame, days: int, factor: float = 1.0) -> IndicatorFrame:
    """The same customers some days on; money is multiplied."""
    values = frame.values.copy()
    for name in ("net_amount_365d", "net_amount_90d", "net_amount_30d", "average_order_value_365d"):
        values[:, frame.columns.index(name)] *= factor
    return replace(frame, as_of=frame.as_of + timedelta(days=days), values=values)


def grades_of(database: Database, run: Run) -> dict[str, Grade]:
    with database.read() as session:
        return {grade.customer_id: grade for grade, _ in Grades(session).with_evidence(run)}


def step(held: int, score: float, cuts: Sequence[float], pending: date | None, day: date) -> int:
    """The policy for one customer, the slow way."""
    worst = sum(score < cut + POLICY.hysteresis_up for cut in cuts[:-1])
    best = sum(score < cut - POLICY.hysteresis_down for cut in cuts[:-1])
    due = min(max(held, best), worst)
    if due > held and (pending is None or (day - pending).days < POLICY.grace_days):
        return held
    return due


def test_three_assessments_against_one_customer_at_a_time(
    database: Database, steady: Bundle, frame: IndicatorFrame
) -> None:
    cuts = steady.scheme.cuts
    frames = [frame, later(frame, 30, 0.35), later(frame, 95, 0.35)]
    runs = [run_batch(steady, each, database).run for each in frames]
    assert [run.previous_run_id for run in runs] == [None, runs[0].run_id, runs[1].run_id]
    first, second, third = (grades_of(database, run) for run in runs)
    events = set()
    for customer, grade in second.items():
        before = first[customer].tier.index
        assert grade.tier.index == step(before, grade.score, cuts, None, frames[1].as_of)
        last = third[customer]
        assert grade.tenure is not None
        assert last.tenure is not None
        pending = grade.tenure.pending_since
        wanted = step(grade.tier.index, last.score, cuts, pending, frames[2].as_of)
        assert last.tier.index == wanted
        assert last.margin_down == (
            None if wanted == 3 else pytest.approx(last.score - cuts[wanted], abs=1e-9)
        )
        events |= {grade.tenure.event, last.tenure.event}
        if last.tenure.event == "downgraded":
            assert last.tenure.since == frames[2].as_of
            assert "Downgraded from" in last.tenure.texts["en"][0]
    assert {"in_grace", "downgraded", "held_by_hysteresis", "unchanged"} <= events
    for run, each in zip(runs, frames, strict=True):
        with database.read() as session:
            assert replay(session, run, each, steady).stands


def test_a_day_graded_again_starts_from_the_same_place(
    database: Database, steady: Bundle, frame: IndicatorFrame
) -> None:
    run_batch(steady, frame, database)
    fallen = later(frame, 30, 0.35)
    once = run_batch(steady, fallen, database).run
    again = run_batch(steady, fallen, database, force=True).run
    assert again.previous_run_id == once.previous_run_id
    assert again.fingerprint == once.fingerprint
    held, anew = grades_of(database, once), grades_of(database, again)
    assert {c: g.tenure for c, g in held.items()} == {c: g.tenure for c, g in anew.items()}


def test_another_scheme_begins_anew(
    database: Database, steady: Bundle, frame: IndicatorFrame
) -> None:
    run_batch(steady, frame, database)
    renamed = replace(steady, scheme=steady.scheme.model_copy(update={"id": "other"}))
    run = run_batch(renamed, later(frame, 30, 0.35), database).run
    events = {g.tenure.event for g in grades_of(database, run).values() if g.tenure}
    assert events == {"entered"}


def test_without_a_policy_the_tier_is_that_of_the_day(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    bare = replace(
        served_bundle, scheme=served_bundle.scheme.model_copy(update={"migration": None})
    )
    run_batch(bare, frame, database)
    run = run_batch(bare, later(frame, 30, 0.35), database).run
    for grade in grades_of(database, run).values():
        assert grade.tenure is not None
        assert grade.tenure.raw_tier == grade.tier.id
        assert grade.tenure.event in {"unchanged", "upgraded", "downgraded"}


def test_the_api_and_the_page_tell_of_it(
    tmp_path: Path, steady: Bundle, frame: IndicatorFrame
) -> None:
    folder = tmp_path / "bundle"
    steady.save(folder)
    settings = Settings(home=tmp_path, world="small", environment="test", bundle_dir=folder)
    store = blank_store(settings.database)
    bundle = Bundle.load(folder)
    column = frame.columns.index("max_overdue_days")
    values = frame.values.copy()
    values[:, column] = np.where(np.arange(len(frame)) % 2, 45.0, 0.0)
    run_batch(bundle, replace(frame, values=values), store)
    fallen = later(replace(frame, values=values), 30, 0.35)
    run_batch(bundle, fallen, store)
    store.dispose()
    late = {str(c) for c, v in zip(frame.customer_id, values[:, column], strict=True) if v > 30}
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        grades = client.get("/v1/grades?limit=500").json()["items"]
        waiting = [g for g in grades if g["tenure"]["codes"][0] == "in_grace"]
        assert waiting
        for grade in grades:
            pack = grade["policy"]
            assert pack["prepay"] == (grade["customer_id"] in late)
            assert (pack["risk"] == "high_risk") == pack["prepay"]
            if not pack["prepay"] and grade["tier"]["id"] == "strategic_partner":
                assert (pack["payment_terms_days"], pack["resource_share"]) == (60, 0.2)
        one = waiting[0]
        assert one["tenure"]["pending_since"] == str(SERVED_DAY + timedelta(days=30))
        assert one["tenure"]["days_left"] == 60
        assert one["tenure"]["raw_tier"] != one["tier"]["id"]
        page = f"/customers/{one['customer_id']}"
        english = client.get(page, headers={"accept-language": "en"}).text
        chinese = client.get(page, headers={"accept-language": "zh-CN"}).text
        assert "pending" in english
        assert "过渡期" in chinese
        assert "本等级承诺" in chinese
