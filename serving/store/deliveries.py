"""Messages on their way: leased, closed, listed, sent again and forgotten.

A message about a customer is not leased before the earlier ones to the same webhook about the
same customer arrived or are dead. A lease is a conditional UPDATE, so only one worker gets it;
it ends by itself, so that what a killed worker held is sent by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from serving.domain.push import Attempt, Delivery, DeliveryState, PushMessage
from serving.store.paging import Page, decode_cursor, encode_cursor
from serving.store.push_tables import DeliveryAttemptRow, DeliveryRow, PushMessageRow
from serving.store.webhooks import remove_unsent

_PENDING, _DELIVERED, _DEAD = (state.value for state in DeliveryState)


class Deliveries:
    """Deliveries as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, messages: Sequence[PushMessage], to: dict[str, Sequence[PushMessage]]) -> None:
        """Add messages, and for each webhook those that it is sent."""
        rows = [asdict(message) for message in messages]
        if rows:
            self._session.execute(insert(PushMessageRow), rows)
        sent = [
            {
                "webhook_id": webhook_id,
                "sequence": message.sequence,
                "order_key": message.order_key,
                "state": _PENDING,
                "tries": 0,
                "attempts": 0,
                "next_at": message.at,
            }
            for webhook_id, wanted in to.items()
            for message in wanted
        ]
        if sent:
            self._session.execute(insert(DeliveryRow), sent)

    def due(self, webhook_id: str, now: datetime, limit: int) -> list[int]:
        """Return the numbers of messages that may be leased now, in their order."""
        earlier = aliased(DeliveryRow)
        waits = select(earlier.sequence).where(
            earlier.webhook_id == DeliveryRow.webhook_id,
            earlier.order_key == DeliveryRow.order_key,
            earlier.state == _PENDING,
            earlier.sequence < DeliveryRow.sequence,
        )
        return list(
            self._session.scalars(
                select(DeliveryRow.sequence)
                .where(DeliveryRow.webhook_id == webhook_id, *_free(now), ~waits.exists())
                .order_by(DeliveryRow.sequence)
                .limit(limit)
            )
        )

    def lease(
        self, webhook_id: str, limit: int, lease: str, now: datetime, until: datetime
    ) -> list[Delivery]:
        """Take deliveries that are due, in their order; nobody else gets them until then."""
        taken = []
        for sequence in self.due(webhook_id, now, limit):
            mine = (
                update(DeliveryRow)
                .where(_is(webhook_id, sequence), *_free(now))
                .values(lease=lease, leased_until=until)
                .execution_options(synchronize_session=False)
            )
            if self._session.execute(mine).rowcount:  # type: ignore[attr-defined]
                taken.append(sequence)
        rows = (
            select(DeliveryRow, PushMessageRow)
            .join(PushMessageRow, PushMessageRow.sequence == DeliveryRow.sequence)
            .where(DeliveryRow.webhook_id == webhook_id, DeliveryRow.sequence.in_(taken))
            .order_by(DeliveryRow.sequence)
        )
        return [_delivery(row, message) for row, message in self._session.execute(rows)]

    def close(
        self,
        delivery: Delivery,
        lease: str,
        attempt: Attempt,
        state: DeliveryState,
        next_at: datetime,
    ) -> bool:
        """Write how a try went; False (and nothing written) where the lease was lost."""
        key = (delivery.webhook_id, delivery.message.sequence)
        mine = (
            update(DeliveryRow)
            .where(_is(*key), DeliveryRow.lease == lease, DeliveryRow.state == _PENDING)
            .values(
                state=state.value,
                tries=DeliveryRow.tries + 1,
                attempts=DeliveryRow.attempts + 1,
                next_at=next_at,
                lease=None,
                leased_until=None,
                closed_at=None if state is DeliveryState.PENDING else attempt.at,
            )
            .execution_options(synchronize_session=False)
        )
        if not self._session.execute(mine).rowcount:  # type: ignore[attr-defined]
            return False
        number = self._session.scalar(select(DeliveryRow.attempts).where(_is(*key)))
        values = {**asdict(attempt), "number": number}
        values |= {"webhook_id": key[0], "sequence": key[1]}
        self._session.execute(insert(DeliveryAttemptRow), [values])
        return True

    def page(
        self,
        webhook_id: str,
        *,
        state: DeliveryState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Return the deliveries of a webhook with their attempts, newest first.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        wanted = [DeliveryRow.webhook_id == webhook_id]
        if state is not None:
            wanted.append(DeliveryRow.state == state.value)
        rows = (
            select(DeliveryRow, PushMessageRow)
            .join(PushMessageRow, PushMessageRow.sequence == DeliveryRow.sequence)
            .where(*wanted)
        )
        if cursor is not None:
            (last,) = decode_cursor(cursor, (int,))
            rows = rows.where(DeliveryRow.sequence < last)
        ordered = rows.order_by(DeliveryRow.sequence.desc()).limit(limit + 1)
        found = self._session.execute(ordered).all()
        shown = found[:limit]
        tries = self._attempts(webhook_id, [row.sequence for row, _ in shown])
        total = select(func.count()).select_from(DeliveryRow).where(*wanted)
        more = len(found) > limit
        return Page(
            items=tuple(_delivery(row, each, tries[row.sequence]) for row, each in shown),
            total=self._session.scalar(total) or 0,
            cursor=encode_cursor(shown[-1][0].sequence) if more else None,
        )

    def replay(
        self,
        webhook_id: str,
        now: datetime,
        *,
        states: Iterable[DeliveryState],
        since: datetime | None = None,
        until: datetime | None = None,
        sequences: Sequence[int] | None = None,
    ) -> int:
        """Make closed deliveries due again; return how many."""
        wanted = [
            DeliveryRow.webhook_id == webhook_id,
            DeliveryRow.state.in_([state.value for state in states]),
            DeliveryRow.state != _PENDING,
        ]
        if sequences is not None:
            wanted.append(DeliveryRow.sequence.in_(sequences))
        told = select(PushMessageRow.sequence).where(
            PushMessageRow.sequence == DeliveryRow.sequence
        )
        if since is not None:
            wanted.append(told.where(PushMessageRow.at >= since).exists())
        if until is not None:
            wanted.append(told.where(PushMessageRow.at < until).exists())
        again = (
            update(DeliveryRow)
            .where(*wanted)
            .values(state=_PENDING, tries=0, next_at=now, closed_at=None)
            .execution_options(synchronize_session=False)
        )
        return int(self._session.execute(again).rowcount)  # type: ignore[attr-defined]

    def forget(self, delivered_before: datetime, dead_before: datetime) -> int:
        """Remove deliveries that were closed long ago; return how many."""
        old = select(DeliveryRow.webhook_id, DeliveryRow.sequence).where(
            or_(
                (DeliveryRow.state == _DELIVERED) & (DeliveryRow.closed_at < delivered_before),
                (DeliveryRow.state == _DEAD) & (DeliveryRow.closed_at < dead_before),
            )
        )
        for table in (DeliveryAttemptRow, DeliveryRow):
            key = tuple_(table.webhook_id, table.sequence)
            gone = delete(table).where(key.in_(old)).execution_options(synchronize_session=False)
            removed = int(self._session.execute(gone).rowcount)  # type: ignore[attr-defined]
        if removed:
            remove_unsent(self._session)
        return removed

    def _attempts(
        self, webhook_id: str, sequences: Sequence[int]
    ) -> dict[int, tuple[Attempt, ...]]:
        rows = self._session.scalars(
            select(DeliveryAttemptRow)
            .where(
                DeliveryAttemptRow.webhook_id == webhook_id,
                DeliveryAttemptRow.sequence.in_(sequences),
            )
            .order_by(DeliveryAttemptRow.sequence, DeliveryAttemptRow.number)
        )
        told: dict[int, list[Attempt]] = {sequence: [] for sequence in sequences}
        for row in rows:
            told[row.sequence].append(
                Attempt(row.number, row.at, row.milliseconds, row.status, row.error, row.answer)
            )
        return {sequence: tuple(each) for sequence, each in told.items()}


def _is(webhook_id: str, sequence: int) -> ColumnElement[bool]:
    return (DeliveryRow.webhook_id == webhook_id) & (DeliveryRow.sequence == sequence)


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        DeliveryRow.state == _PENDING,
        DeliveryRow.next_at <= now,
        or_(DeliveryRow.leased_until.is_(None), DeliveryRow.leased_until <= now),
    )


def _delivery(
    row: DeliveryRow, message: PushMessageRow, attempts: tuple[Attempt, ...] = ()
) -> Delivery:
    return Delivery(
        webhook_id=row.webhook_id,
        message=PushMessage(
            sequence=message.sequence,
            message_id=message.message_id,
            action=message.action,
            subject=message.subject,
            order_key=message.order_key,
            at=message.at,
            data=message.data,
        ),
        state=DeliveryState(row.state),
        tries=row.tries,
        next_at=row.next_at,
        closed_at=row.closed_at,
        attempts=attempts,
    )
