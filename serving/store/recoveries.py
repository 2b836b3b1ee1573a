"""Customers under observation: the only queries over their cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.recovery import (
    Contact,
    Recovery,
    RecoveryOutcome,
    RecoveryPlan,
    RecoveryState,
)
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.recovery_tables import RecoveryRow
from serving.store.reviews import Between

_LIVE = RecoveryRow.closed_at.is_(None)


@dataclass(frozen=True, slots=True)
class WantedRecoveries:
    """What a list is narrowed to; None is everything.

    Attributes
    ----------
    live
        Only those that are not closed.
    late_at
        Only those without a plan that was due before this instant.
    """

    state: RecoveryState | None = None
    customer_id: str | None = None
    live: bool = False
    late_at: datetime | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """Return what narrows the list."""
        kept: list[ColumnElement[bool]] = []
        if self.state is not None:
            kept.append(RecoveryRow.state == self.state.value)
        if self.customer_id is not None:
            kept.append(RecoveryRow.customer_id == self.customer_id)
        if self.live:
            kept.append(_LIVE)
        if self.late_at is not None:
            waiting = (RecoveryState.OPEN.value, RecoveryState.CONTACTED.value)
            kept += [RecoveryRow.state.in_(waiting), RecoveryRow.due_at < self.late_at]
        return kept


class Recoveries:
    """Cases of customers under observation as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, recovery_id: str) -> Recovery | None:
        """Return a case."""
        row = self._session.get(RecoveryRow, recovery_id)
        return None if row is None else _recovery(row)

    def live_of(self, customer_id: str) -> Recovery | None:
        """Return the case of a customer that is not closed; there is at most one."""
        wanted = select(RecoveryRow).where(_LIVE, RecoveryRow.customer_id == customer_id)
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else _recovery(row)

    def live(self, customers: Between) -> dict[str, Recovery]:
        """Return the cases that are not closed, by customer id."""
        after, upto = customers
        kept = [_LIVE, RecoveryRow.customer_id > after]
        kept += [] if upto is None else [RecoveryRow.customer_id <= upto]
        rows = self._session.scalars(select(RecoveryRow).where(*kept))
        return {row.customer_id: _recovery(row) for row in rows}

    def count(self, wanted: WantedRecoveries) -> int:
        """Return how many cases a list has."""
        rows = select(func.count()).select_from(RecoveryRow).where(*wanted.clauses())
        return self._session.scalar(rows) or 0

    def page(
        self, wanted: WantedRecoveries, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Recovery]:
        """Return cases, the earliest due first, ties by their ids.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(RecoveryRow).where(*wanted.clauses())
        if cursor is not None:
            text, recovery_id = decode_cursor(cursor, (str, str))
            due = instant_of(str(text))
            behind = and_(RecoveryRow.due_at == due, RecoveryRow.recovery_id > recovery_id)
            rows = rows.where(or_(RecoveryRow.due_at > due, behind))
        ordered = rows.order_by(RecoveryRow.due_at, RecoveryRow.recovery_id).limit(limit + 1)
        found = self._session.scalars(ordered).all()
        last = found[limit - 1] if len(found) > limit else None
        key = None if last is None else (last.due_at.isoformat(), last.recovery_id)
        return Page(
            items=tuple(_recovery(row) for row in found[:limit]),
            total=self.count(wanted),
            cursor=None if key is None else encode_cursor(*key),
        )

    def plans_since(self, since: datetime) -> tuple[int, int]:
        """Return how many first plans were recorded since an instant, and of them in time."""
        planned = RecoveryRow.planned_at >= since
        rows = select(func.count()).select_from(RecoveryRow)
        in_time = rows.where(planned, RecoveryRow.planned_at <= RecoveryRow.due_at)
        return self._session.scalar(rows.where(planned)) or 0, self._session.scalar(in_time) or 0

    def closed_since(self, since: datetime) -> dict[RecoveryOutcome, int]:
        """Return how many were closed since an instant, by outcome; every outcome is there."""
        rows = (
            select(RecoveryRow.outcome, func.count())
            .where(RecoveryRow.closed_at >= since)
            .group_by(RecoveryRow.outcome)
        )
        found = {str(outcome): count for outcome, count in self._session.execute(rows)}
        return {outcome: found.get(outcome.value, 0) for outcome in RecoveryOutcome}

    # Writing -----------------------------------------------------------------------

    def add(self, recoveries: Iterable[Recovery]) -> None:
        """Add new cases in bulk."""
        values = [_values(each) for each in recoveries]
        if values:
            self._session.execute(insert(RecoveryRow), values)

    def replace(self, recoveries: Iterable[Recovery]) -> None:
        """Write the present state of cases that exist, read in this transaction."""
        values = [_values(each) for each in recoveries]
        if values:
            self._session.execute(update(RecoveryRow), values)


def _values(kept: Recovery) -> dict[str, object]:
    contact, plan = kept.contact, kept.plan
    return {
        "recovery_id": kept.recovery_id,
        "customer_id": kept.customer_id,
        "run_id": kept.run_id,
        "scheme_id": kept.scheme_id,
        "tier_id": kept.tier_id,
        "policy": kept.policy,
        "state": kept.state.value,
        "opened_at": kept.opened_at,
        "due_at": kept.due_at,
        "contacted_at": contact and contact.at,
        "contacted_by": contact and contact.by,
        "reason": contact and contact.reason,
        "note": contact and contact.note,
        "planned_at": plan and plan.at,
        "planned_by": plan and plan.by,
        "plan": plan and plan.text,
        "owner": plan and plan.owner,
        "goal_tier_id": plan and plan.goal_tier_id,
        "goal_date": plan and plan.goal_date,
        "plans": kept.plans,
        "late_at": kept.late_at,
        "closed_at": kept.closed_at,
        "outcome": kept.outcome and kept.outcome.value,
    }


def _recovery(row: RecoveryRow) -> Recovery:
    return Recovery(
        recovery_id=row.recovery_id,
        customer_id=row.customer_id,
        run_id=row.run_id,
        scheme_id=row.scheme_id,
        tier_id=row.tier_id,
        policy=row.policy,
        opened_at=row.opened_at,
        due_at=row.due_at,
        contact=_contact(row),
        plan=_plan(row),
        plans=row.plans,
        late_at=row.late_at,
        closed_at=row.closed_at,
        outcome=None if row.outcome is None else RecoveryOutcome(row.outcome),
    )


def _contact(row: RecoveryRow) -> Contact | None:
    if row.contacted_at is None:
        return None
    return Contact(
        at=row.contacted_at,
        by=str(row.contacted_by),
        reason=str(row.reason),
        note=str(row.note),
    )


def _plan(row: RecoveryRow) -> RecoveryPlan | None:
    if row.planned_at is None or row.goal_date is None:
        return None
    return RecoveryPlan(
        at=row.planned_at,
        by=str(row.planned_by),
        text=str(row.plan),
        owner=str(row.owner),
        goal_tier_id=str(row.goal_tier_id),
        goal_date=row.goal_date,
    )
