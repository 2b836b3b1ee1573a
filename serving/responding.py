"""What people do about alerts: each step with its log and its audit event, or none of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from serving.audit import record
from serving.domain.alert import AlertAction, CustomerAlert
from serving.domain.event import Happening
from serving.errors import AlertNotFoundError
from serving.store.alerts import AlertStore
from serving.store.session import Database, Session
from tiering.alerts.lifecycle import Outcome, acknowledge, analyse, resolve


@dataclass(frozen=True, slots=True)
class Responder:
    """Who responds to an alert, and when (naive UTC)."""

    actor: str
    at: datetime


def acknowledge_alert(
    database: Database, alert_id: str, who: Responder, note: str
) -> tuple[CustomerAlert, tuple[AlertAction, ...]]:
    """Take an alert on.

    Raises
    ------
    AlertNotFoundError
        If there is none.
    TransitionError
        If it is not open.
    """

    def step(session: Session, alert: CustomerAlert) -> CustomerAlert:
        taken = replace(alert, standing=acknowledge(alert.standing, who.at))
        _log(session, taken, who, "acknowledged", note)
        return taken

    return _respond(database, alert_id, step)


def analyse_alert(
    database: Database, alert_id: str, who: Responder, note: str, cause: str | None
) -> tuple[CustomerAlert, tuple[AlertAction, ...]]:
    """File the analysis of an alert's cause (#78).

    Raises
    ------
    AlertNotFoundError
        If there is none.
    TransitionError
        If it is over.
    """

    def step(session: Session, alert: CustomerAlert) -> CustomerAlert:
        return _analysed(session, alert, who, note, cause)

    return _respond(database, alert_id, step)


def resolve_alert(
    database: Database,
    alert_id: str,
    who: Responder,
    note: str,
    outcome: Outcome,
    measure: str,
    *,
    analysis: str | None = None,
    cause: str | None = None,
    industry: str | None = None,
) -> tuple[CustomerAlert, tuple[AlertAction, ...]]:
    """Close an alert with what was done and what came of it (#89).

    Parameters
    ----------
    analysis
        Files the analysis in the same step.
    cause, industry
        What the case library is searched by, if they are not filed yet.

    Raises
    ------
    AlertNotFoundError
        If there is none.
    TransitionError
        If it is over, or lacks the analysis it needs.
    """

    def step(session: Session, alert: CustomerAlert) -> CustomerAlert:
        if analysis is not None:
            alert = _analysed(session, alert, who, analysis, cause)
        done = replace(
            alert,
            standing=resolve(alert.standing, who.at, outcome, measure),
            stated_cause=cause or alert.stated_cause,
            industry=industry or alert.industry,
        )
        _log(session, done, who, "resolved", note, cause, measure, outcome)
        return done

    return _respond(database, alert_id, step)


def _respond(
    database: Database,
    alert_id: str,
    step: Callable[[Session, CustomerAlert], CustomerAlert],
) -> tuple[CustomerAlert, tuple[AlertAction, ...]]:
    with database.write() as session:
        store = AlertStore(session)
        before = store.get(alert_id)
        if before is None:
            raise not_found(alert_id)
        after = step(session, before)
        store.replace([after])
        return after, store.actions([alert_id])[alert_id]


def _analysed(
    session: Session, alert: CustomerAlert, who: Responder, note: str, cause: str | None
) -> CustomerAlert:
    done = replace(
        alert,
        standing=analyse(alert.standing, who.at),
        stated_cause=cause or alert.stated_cause,
    )
    _log(session, done, who, "analysed", note, cause)
    return done


def _log(
    session: Session,
    alert: CustomerAlert,
    who: Responder,
    action: str,
    note: str,
    cause: str | None = None,
    measure: str | None = None,
    outcome: Outcome | None = None,
) -> None:
    store = AlertStore(session)
    number = len(store.actions([alert.alert_id])[alert.alert_id]) + 1
    store.log(
        AlertAction(
            alert.alert_id, number, who.at, who.actor, action, note, cause, measure, outcome
        )
    )
    payload: dict[str, object] = {
        "customer_id": alert.customer_id,
        "kind": alert.kind,
        "state": alert.standing.state.value,
        "note": note,
        "cause": cause,
        "measure": measure,
        "outcome": None if outcome is None else outcome.value,
    }
    happening = Happening(f"alert.{action}", f"alert:{alert.alert_id}", payload)
    record(session, [happening], at=who.at, actor=who.actor)


def not_found(alert_id: str) -> AlertNotFoundError:
    """Return the error for an alert that is not there."""
    return AlertNotFoundError(
        f"There is no alert {alert_id!r}.",
        hint="Take the alert_id from /v1/alerts.",
        alert_id=alert_id,
    )
