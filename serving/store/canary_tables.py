"""The tables of canaries: which model was tried on whom, and how both sides compare."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import Table


class CanaryPlanRow(Table):
    """A canary; ``standing`` is true of the one that has not ended and NULL of all others."""

    __tablename__ = "canary_plan"
    __table_args__ = (UniqueConstraint("standing", name="uq_canary_plan_standing"),)

    plan_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    bundle_digest: Mapped[str] = mapped_column(String(64))
    model_version: Mapped[str | None] = mapped_column(Text)
    share: Mapped[int]
    salt: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    started_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(Text)
    ending: Mapped[str | None] = mapped_column(String(20))
    standing: Mapped[bool | None]


class CanaryReportRow(Table):
    """How both sides of a canary compared when it was last looked at."""

    __tablename__ = "canary_report"

    plan_id: Mapped[str] = mapped_column(ForeignKey("canary_plan.plan_id"), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    made_at: Mapped[datetime]
    comparison: Mapped[dict[str, Any]] = mapped_column(JSON)
