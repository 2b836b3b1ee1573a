"""Alerts after runs, in the real store: opened once, renewed, ended, told (#76 to #89)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from features.schema import CATALOGUE, IndicatorFrame
from serving.alerting import policy_sha256
from serving.audit import verify
from serving.batch import BatchResult, run_batch
from serving.domain.alert import AlertAction, CustomerAlert
from serving.domain.grade import Grade
from serving.errors import AlertNotFoundError, InvalidRequestError
from serving.responding import (
    Responder,
    acknowledge_alert,
    analyse_alert,
    resolve_alert,
)
from serving.store.alerts import AlertStore, Wanted
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.session import Database
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.library import Closed, what_helped
from tiering.alerts.lifecycle import AlertState, Outcome
from tiering.alerts.renewal import Step
from tiering.errors import TransitionError
from training.bundle import Bundle

NIGHT = datetime(2024, 7, 1, 2)
DAY = timedelta(days=1)
Night = Callable[..., BatchResult]


@pytest.fixture
def quiet(frame: IndicatorFrame) -> IndicatorFrame:
    """A frame of which nothing can be warned but by the models; all else is fine."""
    fine = {
        "net_amount_drop_2m": 0.0,
        "max_overdue_days": 0.0,
        "overdue_amount": 0.0,
        "on_time_collection_rate_365d": 1.0,
        "low_csat_streak": 0.0,
        "complaint_count_180d": 0.0,
        "complaint_count_30d": 0.0,
        "complaint_open_days": 0.0,
        "interaction_change_30d": 0.0,
        "interaction_count_90d": 3.0,
        "document_download_change_30d": 0.0,
        "industry_index_change_12m": 0.0,
        "policy_impact_365d": 0.0,
        "recency_to_interval_ratio": 1.0,
    }
    return changed(frame, {name: {None: value} for name, value in fine.items()})


def changed(frame: IndicatorFrame, values: dict[str, dict[str | None, float]]) -> IndicatorFrame:
    """Return a frame with some values replaced, by customer; None is everybody."""
    new = frame.values.copy()
    for name, by_customer in values.items():
        for customer, value in by_customer.items():
            rows = slice(None) if customer is None else frame.customer_id == customer
            new[rows, frame.columns.index(name)] = value
    return replace(frame, values=new)


@pytest.fixture
def night(database: Database, served_bundle: Bundle) -> Night:
    """Run a batch some nights after the first."""

    def run(frame: IndicatorFrame, nights: int = 0) -> BatchResult:
        at = NIGHT + nights * DAY
        return run_batch(served_bundle, frame, database, clock=lambda: at, force=True)

    return run


def alerts(database: Database, **wanted: object) -> dict[str, CustomerAlert]:
    with database.read() as session:
        page = AlertStore(session).page(Wanted(**wanted), limit=500)  # type: ignore[arg-type]
    return {alert.customer_id: alert for alert in page.items}


OVERDUE = {"max_overdue_days": {"c-0001": 45.0}, "overdue_amount": {"c-0001": 9000.0}}


def test_a_run_opens_an_alert_and_tells_it(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    """#77: what is told, until when, by whom, and that it is in the audit trail."""
    result = night(changed(quiet, OVERDUE))
    assert result.alerts is not None
    (alert,) = alerts(database, kind="overdue_payment").values()
    assert alert.customer_id == "c-0001"
    assert (alert.standing.severity, alert.standing.state) == ("orange", AlertState.OPEN)
    assert alert.standing.due_at == NIGHT + 2 * DAY  # Monday to Wednesday
    assert alert.texts["en"].startswith("The oldest unpaid invoice is 45 days overdue; 9,000")
    assert "45天" in alert.texts["zh-CN"]
    assert "≥ 31 days" in alert.thresholds["en"]
    assert alert.numbers == {"max_overdue_days": 45.0}
    assert (alert.run_id, alert.cause, alert.evidence) == (result.run.run_id, None, ())
    with database.read() as session:
        (event,) = AuditEvents(session).about(f"alert:{alert.alert_id}")
        finished = AuditEvents(session).about(f"run:{result.run.run_id}")[0]
        verify(session)
    assert (event.action, event.payload["kind"]) == ("alert.opened", "overdue_payment")
    assert finished.payload["alerts"]["steps"]["opened"] == result.alerts.steps[Step.OPENED]  # type: ignore[index]


def test_one_alert_lives_through_the_nights(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    night(changed(quiet, OVERDUE))
    (first,) = alerts(database, kind="overdue_payment").values()
    later = {"max_overdue_days": {"c-0001": 46.0}, "overdue_amount": {"c-0001": 9000.0}}
    night(changed(quiet, later), 1)
    (second,) = alerts(database, kind="overdue_payment").values()
    assert (second.alert_id, second.standing) == (first.alert_id, first.standing)
    assert "46 days" in second.texts["en"]
    # A night without the numbers neither renews nor ends it; two late days go up.
    blind = changed(quiet, {"max_overdue_days": {"c-0001": np.nan}})
    result = night(blind, 4)
    assert result.alerts is not None
    assert result.alerts.unmeasured["overdue_payment"] == 1
    (third,) = alerts(database, kind="overdue_payment").values()
    assert "46 days" in third.texts["en"]
    assert (third.standing.state, third.standing.responsible) == (AlertState.OPEN, "director")
    worse = {"max_overdue_days": {"c-0001": 70.0}, "overdue_amount": {"c-0001": 9000.0}}
    night(changed(quiet, worse), 5)
    (fourth,) = alerts(database, kind="overdue_payment").values()
    assert (fourth.standing.severity, fourth.standing.raised_at) == ("red", NIGHT + 5 * DAY)
    night(quiet, 6)
    (ended,) = alerts(database, kind="overdue_payment").values()
    assert (ended.standing.state, ended.standing.closed_at) == (AlertState.ENDED, NIGHT + 6 * DAY)
    night(changed(quiet, OVERDUE), 7)
    with database.read() as session:
        page = AlertStore(session).page(Wanted(kind="overdue_payment"))
        told = [e.action for e in AuditEvents(session).about(f"alert:{first.alert_id}")][::-1]
    assert len({alert.alert_id for alert in page.items}) == page.total == 2
    assert told == ["alert.opened", "alert.escalated", "alert.worsened", "alert.ended"]


def test_a_customer_who_is_gone_needs_no_alert(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    night(changed(quiet, OVERDUE))
    kept = quiet.customer_id != "c-0001"
    night(replace(quiet, customer_id=quiet.customer_id[kept], values=quiet.values[kept]), 1)
    (alert,) = alerts(database, kind="overdue_payment").values()
    assert alert.standing.state is AlertState.ENDED


def test_resolved_reopened_and_false_alarms(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    night(changed(quiet, OVERDUE))
    (alert,) = alerts(database, kind="overdue_payment").values()
    who = Responder("Li Na", NIGHT + timedelta(hours=6))
    taken, _ = acknowledge_alert(database, alert.alert_id, who, "I call them.")
    assert taken.standing.state is AlertState.ACKNOWLEDGED
    done, actions = resolve_alert(
        database, alert.alert_id, who, "Paid by instalments.", Outcome.PARTLY, "payment_plan",
        industry="textiles",
    )  # fmt: skip
    assert (done.standing.outcome, done.industry) == (Outcome.PARTLY, "textiles")
    assert [(a.sequence, a.action, a.actor) for a in actions] == [
        (1, "acknowledged", "Li Na"),
        (2, "resolved", "Li Na"),
    ]
    night(changed(quiet, OVERDUE), 20)
    assert alerts(database, kind="overdue_payment")["c-0001"].standing.state is AlertState.RESOLVED
    night(changed(quiet, OVERDUE), 40)
    back = alerts(database, kind="overdue_payment")["c-0001"]
    assert (back.alert_id, back.standing.reopened) == (alert.alert_id, 1)
    assert (back.standing.state, back.industry) == (AlertState.OPEN, "textiles")
    with database.read() as session:
        told = [e.action for e in AuditEvents(session).about(f"alert:{alert.alert_id}")][::-1]
        verify(session)
    assert told == ["alert.opened", "alert.acknowledged", "alert.resolved", "alert.reopened"]


def test_a_drop_of_the_best_tier_needs_its_cause(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    """#78, #85, X4: 35 % is a red alert in the best tier only, with a cause by rule."""
    names = ("net_amount_drop_2m", "industry_index_change_12m", "policy_impact_365d")
    first = night(quiet)
    best = first.run.basis.tiers[0].id
    tier = {g.customer_id: g.tier.id for g in _grades(database)}
    drop = dict.fromkeys(tier, 0.35)
    result = night(changed(quiet, {names[0]: drop, names[1]: dict.fromkeys(tier, -0.08)}), 1)  # type: ignore[arg-type]
    assert result.created
    found = alerts(database, kind="order_drop", state=AlertState.OPEN)
    now = {g.customer_id: g.tier.id for g in _grades(database)}
    assert set(found) == {customer for customer, tier_id in now.items() if tier_id == best}
    alert = next(iter(found.values()))
    assert (alert.standing.severity, alert.standing.needs_analysis) == ("red", True)
    assert alert.standing.due_at == NIGHT + 4 * DAY  # Tuesday to Friday
    assert "industry_falls" in alert.evidence
    who = Responder("Li Na", NIGHT + DAY)
    with pytest.raises(TransitionError, match="before its cause is analysed"):
        resolve_alert(database, alert.alert_id, who, "Called.", Outcome.RECOVERED, "visit")
    analysed, _ = analyse_alert(database, alert.alert_id, who, "A season.", "adjustment")
    assert (analysed.standing.analysed, analysed.stated_cause) == (True, "adjustment")
    done, actions = resolve_alert(
        database, alert.alert_id, who, "Back.", Outcome.RECOVERED, "visit",
        analysis="Copper is dear.", cause="loss",
    )  # fmt: skip
    assert done.stated_cause == "loss"
    assert [a.action for a in actions] == ["analysed", "analysed", "resolved"]
    cases = alerts(database, state=AlertState.RESOLVED, cause="loss", tier_id=best)
    assert set(cases) == {alert.customer_id}
    assert not alerts(database, state=AlertState.RESOLVED, cause="adjustment")


def _grades(database: Database) -> tuple[Grade, ...]:
    with database.read() as session:
        store = Grades(session)
        run = store.current_run()
        assert run is not None
        return store.page(run, limit=500).items


def test_a_step_that_fails_leaves_nothing(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    night(changed(quiet, OVERDUE))
    (alert,) = alerts(database, kind="overdue_payment").values()
    who = Responder("Li Na", NIGHT)
    acknowledge_alert(database, alert.alert_id, who, "")
    with pytest.raises(TransitionError):
        acknowledge_alert(database, alert.alert_id, who, "twice")
    with pytest.raises(AlertNotFoundError, match="There is no alert 'x'"):
        acknowledge_alert(database, "x", who, "")
    with database.read() as session:
        assert len(AlertStore(session).actions([alert.alert_id])[alert.alert_id]) == 1
        assert len(AuditEvents(session).about(f"alert:{alert.alert_id}")) == 2


def test_the_store_refuses_a_second_alert_of_a_kind(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    night(changed(quiet, OVERDUE))
    (alert,) = alerts(database, kind="overdue_payment").values()
    with pytest.raises(IntegrityError), database.write() as session:
        AlertStore(session).add([replace(alert, alert_id="second")])
    action = AlertAction(alert.alert_id, 1, NIGHT, "a", "acknowledged", "")
    with database.write() as session:
        AlertStore(session).log(action)
    with pytest.raises(IntegrityError), database.write() as session:
        AlertStore(session).log(action)


def test_pages_meet_every_alert_once(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    everybody = {"max_overdue_days": {None: 45.0}, "overdue_amount": {None: 10.0}}
    result = night(changed(quiet, everybody))
    assert result.alerts is not None
    limit = packaged_catalogue().live_limit
    assert result.alerts.waiting["overdue_payment"] == len(quiet) - limit
    wanted, seen, cursor = Wanted(kind="overdue_payment"), [], None
    with database.read() as session:
        store = AlertStore(session)
        while True:
            page = store.page(wanted, limit=33, cursor=cursor)
            assert page.total == limit
            seen += [(a.standing.due_at, a.alert_id) for a in page.items]
            if (cursor := page.cursor) is None:
                break
        assert store.count(replace(wanted, late_at=NIGHT)) == 0
        assert store.count(replace(wanted, late_at=NIGHT + 9 * DAY)) == limit
        for wrong in ("x", "WyJ4IiwieSJd", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgIngiXQ"):
            with pytest.raises(InvalidRequestError):
                store.page(wanted, cursor=wrong)
    assert len(set(seen)) == len(seen) == limit
    assert seen == sorted(seen)
    # The best tiers come first where not all can (the colour is the same).
    tier = {g.customer_id: g.tier.index for g in _grades(database)}
    kept = alerts(database, kind="overdue_payment")
    worst_kept = max(tier[customer] for customer in kept)
    assert all(tier[c] >= worst_kept for c in tier if c not in kept)


def test_the_case_library_counts_what_helped(
    database: Database, night: Night, quiet: IndicatorFrame
) -> None:
    """#89: cases by kind, and what came of each measure."""
    three = dict.fromkeys(("c-0001", "c-0002", "c-0003"), 45.0)
    night(changed(quiet, {"max_overdue_days": three}))  # type: ignore[dict-item]
    who = Responder("Li Na", NIGHT + 2 * DAY)
    outcomes = (Outcome.RECOVERED, Outcome.LOST, Outcome.RECOVERED)
    measures = ("payment_plan", "payment_plan", "credit_stop")
    for (_, alert), outcome, measure in zip(
        sorted(alerts(database, kind="overdue_payment").items()), outcomes, measures, strict=True
    ):
        resolve_alert(database, alert.alert_id, who, "Done.", outcome, measure)
    with database.read() as session:
        closed = AlertStore(session).closed(Wanted(kind="overdue_payment"))
        assert AlertStore(session).closed(Wanted(kind="silence")) == ()
    assert sorted(closed, key=str) == sorted(
        (Closed(m, o, 2.0) for m, o in zip(measures, outcomes, strict=True)), key=str
    )
    told = {each.measure: each for each in what_helped(closed)}
    assert told["payment_plan"].recovered == 0.5
    assert told["credit_stop"].cases == 1


def test_a_frame_from_before_the_new_indicators_is_told_as_not_measurable(
    night: Night, quiet: IndicatorFrame, served_bundle: Bundle, database: Database
) -> None:
    bundle = replace(served_bundle, companions=replace(served_bundle.companions, health=None))
    unknown = changed(
        quiet, {"net_amount_drop_2m": {None: np.nan}, "active_month_share_12m": {None: 1.0}}
    )
    result = run_batch(bundle, unknown, database, clock=lambda: NIGHT)
    assert result.alerts is not None
    assert result.alerts.unmeasured["order_drop"] == len(quiet)
    # Without a trained model health is told by fixed scales.
    assert result.alerts.unmeasured["health"] == 0
    assert all(
        0 <= a.numbers["health_score"] < 80 for a in alerts(database, kind="health").values()
    )  # type: ignore[operator]


def test_policies_are_part_of_what_a_run_is() -> None:
    assert len(set(policy_sha256())) == 3
    assert all(name in CATALOGUE for name in ("net_amount_drop_2m", "complaint_open_days"))
