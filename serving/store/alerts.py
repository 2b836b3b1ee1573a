"""Alerts and what people did about them: the only queries over both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.alert import AlertAction, CustomerAlert
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.tables import AlertActionRow, AlertRow
from tiering.alerts.catalogue import Severity
from tiering.alerts.library import Closed
from tiering.alerts.lifecycle import AlertState, Outcome, Standing

_STANDING = tuple(field.name for field in fields(Standing))
_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of alerts is narrowed to; None is everything.

    Attributes
    ----------
    late_at
        Only live alerts that nobody responded to and that were due before this instant.
    cause
        By rule, or as people stated it, which counts more.
    """

    state: AlertState | None = None
    kind: str | None = None
    severity: Severity | None = None
    tier_id: str | None = None
    customer_id: str | None = None
    industry: str | None = None
    cause: str | None = None
    late_at: datetime | None = None


class AlertStore:
    """Alerts as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, alert_id: str) -> CustomerAlert | None:
        """Return an alert."""
        row = self._session.get(AlertRow, alert_id)
        return None if row is None else _alert(row)

    def uncleared(self) -> dict[tuple[str, str], CustomerAlert]:
        """Return the alerts a run has to look at, by customer and kind."""
        rows = self._session.scalars(select(AlertRow).where(~AlertRow.cleared))
        return {alert.key: alert for alert in map(_alert, rows)}

    def actions(self, alert_ids: Sequence[str]) -> dict[str, tuple[AlertAction, ...]]:
        """Return what people did, oldest first, by alert; every id asked for is there."""
        rows = self._session.scalars(
            select(AlertActionRow)
            .where(AlertActionRow.alert_id.in_(alert_ids))
            .order_by(AlertActionRow.alert_id, AlertActionRow.sequence)
        )
        told: dict[str, list[AlertAction]] = {alert_id: [] for alert_id in alert_ids}
        for row in rows:
            told[row.alert_id].append(_action(row))
        return {alert_id: tuple(each) for alert_id, each in told.items()}

    def count(self, wanted: Wanted) -> int:
        """Return how many alerts there are."""
        rows = select(func.count()).select_from(AlertRow).where(*_clauses(wanted))
        return self._session.scalar(rows) or 0

    def page(
        self, wanted: Wanted, *, limit: int = 50, cursor: str | None = None
    ) -> Page[CustomerAlert]:
        """Return alerts, the earliest due first, ties by alert id.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(AlertRow).where(*_clauses(wanted))
        if cursor is not None:
            due, alert_id = _decode(cursor)
            rows = rows.where(
                or_(
                    AlertRow.due_at > due,
                    and_(AlertRow.due_at == due, AlertRow.alert_id > alert_id),
                )
            )
        ordered = rows.order_by(AlertRow.due_at, AlertRow.alert_id).limit(limit + 1)
        found = self._session.scalars(ordered).all()
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=tuple(_alert(row) for row in found[:limit]),
            total=self.count(wanted),
            cursor=None if last is None else encode_cursor(last.due_at.isoformat(), last.alert_id),
        )

    def closed(self, wanted: Wanted) -> tuple[Closed, ...]:
        """Return the resolved alerts of a list as cases of the library."""
        rows = self._session.execute(
            select(AlertRow.measure, AlertRow.outcome, AlertRow.raised_at, AlertRow.closed_at)
            .where(*_clauses(wanted), AlertRow.state == AlertState.RESOLVED.value)
            .order_by(AlertRow.alert_id)
        )
        return tuple(
            Closed(
                str(measure),
                Outcome(outcome),
                (closed_at - raised_at).total_seconds() / _SECONDS_PER_DAY,
            )
            for measure, outcome, raised_at, closed_at in rows
            if closed_at is not None and outcome is not None
        )

    def add(self, alerts: Iterable[CustomerAlert]) -> None:
        """Add new alerts in bulk."""
        values = [_values(alert) for alert in alerts]
        if values:
            self._session.execute(insert(AlertRow), values)

    def replace(self, alerts: Iterable[CustomerAlert]) -> None:
        """Write the present state of alerts that exist."""
        values = [_values(alert) for alert in alerts]
        if values:
            self._session.execute(update(AlertRow), values)

    def log(self, action: AlertAction) -> None:
        """Add what somebody did."""
        outcome = None if action.outcome is None else action.outcome.value
        self._session.execute(insert(AlertActionRow), [{**asdict(action), "outcome": outcome}])


def _clauses(wanted: Wanted) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        clauses.append(AlertRow.state == wanted.state.value)
    for column, value in (
        (AlertRow.kind, wanted.kind),
        (AlertRow.severity, wanted.severity),
        (AlertRow.tier_id, wanted.tier_id),
        (AlertRow.customer_id, wanted.customer_id),
        (AlertRow.industry, wanted.industry),
        (func.coalesce(AlertRow.stated_cause, AlertRow.cause), wanted.cause),
    ):
        if value is not None:
            clauses.append(column == value)
    if wanted.late_at is not None:
        live = (AlertState.OPEN.value, AlertState.ACKNOWLEDGED.value)
        clauses += [
            AlertRow.state.in_(live),
            AlertRow.responded_at.is_(None),
            AlertRow.due_at < wanted.late_at,
        ]
    return clauses


def _values(alert: CustomerAlert) -> dict[str, object]:
    standing = {name: getattr(alert.standing, name) for name in _STANDING}
    outcome = alert.standing.outcome
    return standing | {
        "state": alert.standing.state.value,
        "outcome": None if outcome is None else outcome.value,
        "alert_id": alert.alert_id,
        "customer_id": alert.customer_id,
        "kind": alert.kind,
        "catalogue": alert.catalogue,
        "run_id": alert.run_id,
        "tier_id": alert.tier_id,
        "texts": dict(alert.texts),
        "thresholds": dict(alert.thresholds),
        "numbers": dict(alert.numbers),
        "cause": alert.cause,
        "evidence": list(alert.evidence),
        "stated_cause": alert.stated_cause,
        "industry": alert.industry,
    }


def _alert(row: AlertRow) -> CustomerAlert:
    standing = {name: getattr(row, name) for name in _STANDING}
    standing["state"] = AlertState(row.state)
    standing["outcome"] = None if row.outcome is None else Outcome(row.outcome)
    return CustomerAlert(
        alert_id=row.alert_id,
        customer_id=row.customer_id,
        kind=row.kind,
        catalogue=row.catalogue,
        run_id=row.run_id,
        tier_id=row.tier_id,
        standing=Standing(**standing),
        texts=row.texts,
        thresholds=row.thresholds,
        numbers=row.numbers,
        cause=row.cause,
        evidence=tuple(row.evidence),
        stated_cause=row.stated_cause,
        industry=row.industry,
    )


def _action(row: AlertActionRow) -> AlertAction:
    return AlertAction(
        alert_id=row.alert_id,
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        action=row.action,
        note=row.note,
        cause=row.cause,
        measure=row.measure,
        outcome=None if row.outcome is None else Outcome(row.outcome),
    )


def _decode(cursor: str) -> tuple[datetime, str]:
    due, alert_id = decode_cursor(cursor, (str, str))
    return instant_of(str(due)), str(alert_id)
