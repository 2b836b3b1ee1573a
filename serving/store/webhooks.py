"""Webhooks: the only queries over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from serving.domain.push import Attempt, DeliveryState, Webhook
from serving.store.paging import Page, decode_cursor, encode_cursor
from serving.store.push_tables import DeliveryAttemptRow, DeliveryRow, PushMessageRow, WebhookRow

_FIELDS = tuple(field.name for field in fields(Webhook))


class Webhooks:
    """Webhooks as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, webhook_id: str) -> Webhook | None:
        """Return a webhook as it is now, also where this session changed it."""
        row = self._session.get(WebhookRow, webhook_id, populate_existing=True)
        return None if row is None else _webhook(row)

    def all(self) -> tuple[Webhook, ...]:
        """Return every webhook, by id."""
        rows = self._session.scalars(select(WebhookRow).order_by(WebhookRow.webhook_id))
        return tuple(_webhook(row) for row in rows)

    def page(self, *, limit: int, cursor: str | None = None) -> Page[Webhook]:
        """Return webhooks by id.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(WebhookRow).order_by(WebhookRow.webhook_id).limit(limit + 1)
        if cursor is not None:
            (last,) = decode_cursor(cursor, (str,))
            rows = rows.where(WebhookRow.webhook_id > str(last))
        found = self._session.scalars(rows).all()
        more = len(found) > limit
        return Page(
            items=tuple(_webhook(row) for row in found[:limit]),
            total=self.count(),
            cursor=encode_cursor(found[limit - 1].webhook_id) if more else None,
        )

    def count(self) -> int:
        """Return how many there are."""
        return self._session.scalar(select(func.count()).select_from(WebhookRow)) or 0

    def queues(self, webhook_ids: Sequence[str]) -> dict[str, dict[DeliveryState, int]]:
        """Return how many messages of each state there are, by webhook; every id is there."""
        counted = self._session.execute(
            select(DeliveryRow.webhook_id, DeliveryRow.state, func.count())
            .where(DeliveryRow.webhook_id.in_(webhook_ids))
            .group_by(DeliveryRow.webhook_id, DeliveryRow.state)
        )
        told = {each: dict.fromkeys(DeliveryState, 0) for each in webhook_ids}
        for webhook_id, state, count in counted:
            told[webhook_id][DeliveryState(state)] = count
        return told

    def add(self, webhook: Webhook) -> None:
        """Add a webhook."""
        self._session.execute(insert(WebhookRow), [_values(webhook)])

    def change(self, webhook: Webhook) -> None:
        """Write what people decide about a webhook; how its deliveries fare is left alone."""
        own = ("url", "description", "event_types", "generation", "key_id", "paused")
        values = {k: v for k, v in _values(webhook).items() if k in (*own, "previous_until")}
        self._session.execute(_one(webhook.webhook_id).values(**values))

    def reset(self, webhook_id: str) -> None:
        """Forget the failures of a webhook, so that it is tried at once."""
        self._session.execute(_one(webhook_id).values(failures=0, resume_at=None))

    def fared(self, webhook_id: str, attempt: Attempt, resume_at: datetime | None) -> None:
        """Write how a webhook fared: a success ends the failures, a failure counts."""
        if attempt.arrived:
            values: dict[str, Any] = {
                "failures": 0, "resume_at": None, "succeeded_at": attempt.at,
            }  # fmt: skip
        else:
            more = 1 if attempt.blames_endpoint else 0
            values = {"failures": WebhookRow.failures + more, "failed_at": attempt.at}
            if resume_at is not None:
                values["resume_at"] = resume_at
        self._session.execute(_one(webhook_id).values(**values))

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook with its deliveries, and the messages that nobody else is sent."""
        for table in (DeliveryAttemptRow, DeliveryRow, WebhookRow):
            self._session.execute(delete(table).where(table.webhook_id == webhook_id))
        remove_unsent(self._session)


def remove_unsent(session: Session) -> None:
    """Remove messages that are on their way to nobody."""
    wanted = select(DeliveryRow.sequence).where(DeliveryRow.sequence == PushMessageRow.sequence)
    session.execute(delete(PushMessageRow).where(~wanted.exists()))


def _one(webhook_id: str) -> Any:
    return (
        update(WebhookRow)
        .where(WebhookRow.webhook_id == webhook_id)
        .execution_options(synchronize_session=False)
    )


def _values(webhook: Webhook) -> dict[str, Any]:
    return {**asdict(webhook), "event_types": list(webhook.event_types)}


def _webhook(row: WebhookRow) -> Webhook:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Webhook(**{**values, "event_types": tuple(row.event_types)})
