"""Customers under observation."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import CustomerId, Table


class RecoveryRow(Table):
    """One time under observation; the partial index allows one of a customer that is not over."""

    __tablename__ = "recovery"
    __table_args__ = (
        Index(
            "uq_recovery_live_customer",
            "customer_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_recovery_due", "due_at", "recovery_id"),
        Index("ix_recovery_state_due", "state", "due_at", "recovery_id"),
        Index("ix_recovery_customer", "customer_id"),
    )

    recovery_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    scheme_id: Mapped[str] = mapped_column(Text)
    tier_id: Mapped[str] = mapped_column(Text)
    policy: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    # The first contact: NULL until there was one.
    contacted_at: Mapped[datetime | None]
    contacted_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    # The plan: NULL until there is one.
    planned_at: Mapped[datetime | None]
    planned_by: Mapped[str | None] = mapped_column(Text)
    plan: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    goal_tier_id: Mapped[str | None] = mapped_column(Text)
    goal_date: Mapped[date | None]
    plans: Mapped[int]
    late_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
