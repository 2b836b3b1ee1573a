"""The audit trail: events are added and read, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from serving.domain.event import AuditEvent
from serving.store.paging import decode_cursor, encode_cursor
from serving.store.tables import AuditEventRow


class AuditEvents:
    """Audit events as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last(self) -> AuditEvent | None:
        """Return the newest event, None while the trail is empty."""
        newest = select(AuditEventRow).order_by(AuditEventRow.sequence.desc()).limit(1)
        row = self._session.scalars(newest).one_or_none()
        return None if row is None else _event(row)

    def all(self) -> Iterator[AuditEvent]:
        """Yield every event, oldest first."""
        rows = select(AuditEventRow).order_by(AuditEventRow.sequence)
        # Closed even if the reader stops half-way: on PostgreSQL it is a cursor of the server.
        with self._session.scalars(rows.execution_options(yield_per=1_000)) as found:
            for row in found:
                yield _event(row)

    def of_action(self, *actions: str) -> Iterator[AuditEvent]:
        """Yield the events of some actions, oldest first."""
        rows = select(AuditEventRow).where(AuditEventRow.action.in_(actions))
        ordered = rows.order_by(AuditEventRow.sequence).execution_options(yield_per=1_000)
        with self._session.scalars(ordered) as found:
            for row in found:
                yield _event(row)

    def count(self, action: str) -> int:
        """Return how many events of an action there are."""
        rows = select(func.count()).where(AuditEventRow.action == action)
        return int(self._session.scalar(rows) or 0)

    def hashes(self, start: int = 0, stop: int | None = None) -> Iterator[str]:
        """Yield the hash of every event, oldest first, or of those at places (from 0)."""
        rows = select(AuditEventRow.hash).where(AuditEventRow.sequence > start)
        if stop is not None:
            rows = rows.where(AuditEventRow.sequence <= stop)
        rows = rows.order_by(AuditEventRow.sequence)
        with self._session.scalars(rows.execution_options(yield_per=10_000)) as found:
            yield from found

    def one(self, sequence: int) -> AuditEvent | None:
        """Return the event with that number."""
        row = self._session.get(AuditEventRow, sequence)
        return None if row is None else _event(row)

    def about(self, subject: str, limit: int = 50) -> tuple[AuditEvent, ...]:
        """Return the events about one subject (``kind:id``), newest first."""
        rows = select(AuditEventRow).where(AuditEventRow.subject == subject)
        newest = rows.order_by(AuditEventRow.sequence.desc()).limit(limit)
        return tuple(_event(row) for row in self._session.scalars(newest))

    def page(
        self,
        *,
        subject: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[tuple[AuditEvent, ...], str | None]:
        """Return events, newest first, and the cursor of those behind them.

        Parameters
        ----------
        since, until
            Instants, naive UTC: from (inclusive) and to (exclusive).

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        row = AuditEventRow
        rows = select(row).order_by(row.sequence.desc())
        equal = ((row.subject, subject), (row.action, action), (row.actor, actor))
        rows = rows.where(*(column == value for column, value in equal if value is not None))
        if since is not None:
            rows = rows.where(row.at >= since)
        if until is not None:
            rows = rows.where(row.at < until)
        if cursor is not None:
            (before,) = decode_cursor(cursor, (int,))
            # Beyond what a database takes as a number there are no events.
            rows = rows.where(row.sequence < max(0, min(int(before), 2**31 - 1)))
        found = self._session.scalars(rows.limit(limit + 1)).all()
        more = len(found) > limit
        following = encode_cursor(found[limit - 1].sequence) if more else None
        return tuple(_event(each) for each in found[:limit]), following

    def add(self, events: Iterable[AuditEvent]) -> None:
        """Add events that are already chained behind `last`."""
        values = [
            {
                "sequence": event.sequence,
                "at": event.at,
                "actor": event.actor,
                "action": event.action,
                "subject": event.subject,
                "payload": dict(event.payload),
                "previous_hash": event.previous_hash,
                "hash": event.hash,
            }
            for event in events
        ]
        if values:
            self._session.execute(insert(AuditEventRow), values)


def _event(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        payload=row.payload,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
