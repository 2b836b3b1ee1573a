"""The tables of the outbox: webhooks, messages, and where each message to each stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import Table

_PENDING = text("state = 'pending'")


class WebhookRow(Table):
    """Where messages go; the secret is derived, not stored."""

    __tablename__ = "webhook"

    webhook_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(JSON)
    generation: Mapped[int]
    key_id: Mapped[str] = mapped_column(String(16))
    paused: Mapped[bool]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    previous_until: Mapped[datetime | None]
    failures: Mapped[int]
    resume_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class PushMessageRow(Table):
    """What is told outside, written with what happened; numbered as its audit event."""

    __tablename__ = "push_message"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message_id: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    order_key: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class DeliveryRow(Table):
    """A message on its way to one webhook; whoever holds the lease is sending it."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(
            "ix_delivery_due",
            "webhook_id",
            "next_at",
            "sequence",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index(
            "ix_delivery_order",
            "webhook_id",
            "order_key",
            "sequence",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_delivery_state", "webhook_id", "state", "sequence"),
        Index("ix_delivery_closed", "state", "closed_at"),
        Index("ix_delivery_sequence", "sequence"),
    )

    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.webhook_id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(ForeignKey("push_message.sequence"), primary_key=True)
    order_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int]
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(String(40))
    leased_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class DeliveryAttemptRow(Table):
    """One try; rows are only added, and go with their delivery."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["webhook_id", "sequence"],
            ["delivery.webhook_id", "delivery.sequence"],
        ),
    )

    webhook_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    milliseconds: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(40))
    answer: Mapped[str] = mapped_column(Text)
