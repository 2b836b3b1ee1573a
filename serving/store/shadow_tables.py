"""The tables of shadow grades; nothing that is served reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import CustomerId, Table


class ShadowRunRow(Table):
    """A shadow's finished pass over the customers of a run."""

    __tablename__ = "shadow_run"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    bundle_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    model_version: Mapped[str | None] = mapped_column(Text)
    scheme_id: Mapped[str] = mapped_column(Text)
    scheme_version: Mapped[str] = mapped_column(Text)
    tiers: Mapped[list[str]] = mapped_column(JSON)
    customers: Mapped[int]
    finished_at: Mapped[datetime]
    comparison: Mapped[dict[str, Any]] = mapped_column(JSON)


class ShadowGradeRow(Table):
    """What the shadow says of one customer, by the figures of the day alone."""

    __tablename__ = "shadow_grade"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    bundle_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId, primary_key=True)
    score: Mapped[float]
    tier_id: Mapped[str] = mapped_column(Text)
    referred: Mapped[bool]
    churn_probability: Mapped[float | None]
    ltv: Mapped[float | None]
