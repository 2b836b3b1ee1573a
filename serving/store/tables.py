"""The tables. Types are those of SQLite and PostgreSQL both; instants are naive UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CustomerId = Text().with_variant(Text(collation="C"), "postgresql")
"""An id in the order of its characters' codes, as SQLite and Python sort, whatever the locale of
the database: lists are paged by it."""


class Table(DeclarativeBase):
    """Root of all tables."""


class RunRow(Table):
    """A finished run; a run that failed leaves no row."""

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    as_of: Mapped[date]
    known_at: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    frame_sha256: Mapped[str] = mapped_column(String(64))
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))
    customers: Mapped[int]
    referred: Mapped[int]
    world: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(String(16))
    simulated: Mapped[bool]
    model_version: Mapped[str | None] = mapped_column(Text)
    bundle_digest: Mapped[str] = mapped_column(String(64))
    trained_as_of: Mapped[date | None]
    churn_horizon_days: Mapped[int]
    ltv_horizon_days: Mapped[int]
    scheme_id: Mapped[str] = mapped_column(Text)
    scheme_version: Mapped[str] = mapped_column(Text)
    scheme_sha256: Mapped[str] = mapped_column(String(64))
    # Written once and read whole: labels and cuts as they were, counts, what the
    # numbers of grade_explanation.contributions stand for.
    tiers: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    dimensions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    layout: Mapped[list[list[str]]] = mapped_column(JSON)
    lifecycles: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default="[]")
    segments: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default="[]")
    packs: Mapped[dict[str, Any]] = mapped_column(JSON, server_default="{}")
    previous_run_id: Mapped[str | None] = mapped_column(String(40))
    # Names and order of the numbers in grade.indicators.
    columns: Mapped[list[str]] = mapped_column(JSON, server_default="[]")
    explainer: Mapped[str] = mapped_column(Text, server_default="lightgbm")
    # The second model, with the layout and columns of the grades it gave; NULL: none.
    canary: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class GradeRow(Table):
    """One customer's grade in one run."""

    __tablename__ = "grade"
    __table_args__ = (UniqueConstraint("run_id", "customer_id", name="uq_grade_run_customer"),)

    grade_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    customer_id: Mapped[str] = mapped_column(CustomerId)
    score: Mapped[float]
    tier_index: Mapped[int]
    margin_up: Mapped[float | None]
    margin_down: Mapped[float | None]
    churn_probability: Mapped[float | None]
    ltv: Mapped[float | None]
    ltv_lower: Mapped[float | None]
    ltv_upper: Mapped[float | None]
    referred: Mapped[bool]
    reasons: Mapped[list[str]] = mapped_column(JSON)
    reason_texts: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    # Numbers as bytes (store/numbers.py), unknown left out: in the order of run.dimensions and
    # of run.columns.
    dimension_scores: Mapped[bytes] = mapped_column(LargeBinary, server_default="")
    indicators: Mapped[bytes] = mapped_column(LargeBinary, server_default="")
    # Of the run's first lifecycle policy, which lists are filtered by; of all, by policy.
    stage: Mapped[str | None] = mapped_column(Text)
    stages: Mapped[dict[str, str]] = mapped_column(JSON, server_default="{}")
    confidence: Mapped[float | None]
    segment: Mapped[str | None] = mapped_column(Text)
    # How the tier came to be held: all NULL and {} in grades from before that was kept.
    raw_tier: Mapped[str | None] = mapped_column(Text)
    tier_since: Mapped[date | None]
    pending_since: Mapped[date | None]
    days_left: Mapped[float | None]
    moves: Mapped[dict[str, Any]] = mapped_column(JSON, server_default="{}")
    # Whose grade it is: NULL the champion's, ``canary`` that of the second model.
    side: Mapped[str | None] = mapped_column(Text)


class RankRow(Table):
    """The place of a grade in its run's lists, best score first; a copy of what they ask for.

    Apart from the grade, so that each comes in its own order, whichever has most rows (ADR 0026):
    grades by customer, places by score. Found out by `serving.sealing` where both differ.
    """

    __tablename__ = "grade_rank"
    __table_args__ = (
        Index("ix_grade_rank_tier", "run_id", "tier_index", "minus_score", "customer_id"),
        Index("ix_grade_rank_referred", "run_id", "referred", "minus_score", "customer_id"),
        Index("ix_grade_rank_stage", "run_id", "stage", "minus_score", "customer_id"),
        # The key is the list of all: no second copy of it.
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    # So that a key sorts best score first.
    minus_score: Mapped[float] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId, primary_key=True)
    tier_index: Mapped[int]
    referred: Mapped[bool]
    stage: Mapped[str | None] = mapped_column(Text)


class ExplanationRow(Table):
    """Why a grade came out as it did; apart from the grade so that lists stay light."""

    __tablename__ = "grade_explanation"

    grade_id: Mapped[str] = mapped_column(ForeignKey("grade.grade_id"), primary_key=True)
    base: Mapped[float]
    # Numbers as bytes. In the order of run.layout, 0 left out:
    contributions: Mapped[bytes] = mapped_column(LargeBinary)
    # Of what the scheme weighs, in the order of its first entry; unknown and 0 left out:
    points: Mapped[bytes] = mapped_column(LargeBinary)
    weights: Mapped[bytes] = mapped_column(LargeBinary)
    # One per indicator of run.layout, in the order of its first entry; unknown left out:
    percentiles: Mapped[bytes] = mapped_column(LargeBinary)


class ReviewCaseRow(Table):
    """A customer under review; the partial index allows one live case per customer."""

    __tablename__ = "review_case"
    __table_args__ = (
        Index(
            "uq_review_case_live_customer",
            "customer_id",
            unique=True,
            sqlite_where=text("status IN ('open', 'claimed')"),
            postgresql_where=text("status IN ('open', 'claimed')"),
        ),
        Index("ix_review_case_status_due", "status", "due_at", "case_id"),
        Index("ix_review_case_due", "due_at", "case_id"),
        Index("ix_review_case_customer", "customer_id", "decided_at"),
    )

    case_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    grade_id: Mapped[str] = mapped_column(ForeignKey("grade.grade_id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    customer_id: Mapped[str] = mapped_column(CustomerId)
    status: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[str]] = mapped_column(JSON)
    score: Mapped[float]
    tier_id: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(String(20), server_default="referral")
    policy: Mapped[str] = mapped_column(Text, server_default="")
    level: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")
    claimed_by: Mapped[str | None] = mapped_column(Text)
    claimed_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(Text)
    # The decision: NULL until there is one.
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_tier_id: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(20))
    holds_until: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(Text)
    decision_texts: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    decision_level: Mapped[int | None]
    votes: Mapped[int | None]
    agreement: Mapped[float | None]


class AuditEventRow(Table):
    """Append-only and hash-chained; triggers refuse UPDATE, DELETE, TRUNCATE (revision 0001)."""

    __tablename__ = "audit_event"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(Text, index=True)
    action: Mapped[str] = mapped_column(Text, index=True)
    subject: Mapped[str] = mapped_column(Text, index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    # Unique by being chained behind the one before; an index over it would be all over the place.
    hash: Mapped[str] = mapped_column(String(64))


class AlertRow(Table):
    """An alert; the partial index allows one of a customer and kind that is not over."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_uncleared",
            "customer_id",
            "kind",
            unique=True,
            sqlite_where=text("NOT cleared"),
            postgresql_where=text("NOT cleared"),
        ),
        Index("ix_alert_state_due", "state", "due_at", "alert_id"),
        Index("ix_alert_due", "due_at", "alert_id"),
        Index("ix_alert_kind_state_due", "kind", "state", "due_at", "alert_id"),
    )

    alert_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId)
    kind: Mapped[str] = mapped_column(Text)
    catalogue: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    tier_id: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(String(10))
    owner: Mapped[str] = mapped_column(Text)
    escalates_to: Mapped[str] = mapped_column(Text)
    needs_analysis: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    raised_at: Mapped[datetime]
    due_at: Mapped[datetime]
    responded_at: Mapped[datetime | None]
    analysed: Mapped[bool]
    escalated_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    measure: Mapped[str | None] = mapped_column(Text)
    cleared: Mapped[bool]
    reopened: Mapped[int]
    texts: Mapped[dict[str, str]] = mapped_column(JSON)
    thresholds: Mapped[dict[str, str]] = mapped_column(JSON)
    numbers: Mapped[dict[str, float | None]] = mapped_column(JSON)
    cause: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[list[str]] = mapped_column(JSON)
    stated_cause: Mapped[str | None] = mapped_column(Text)
    industry: Mapped[str | None] = mapped_column(Text)


class AlertActionRow(Table):
    """What somebody did about an alert; rows are only ever added."""

    __tablename__ = "alert_action"

    alert_id: Mapped[str] = mapped_column(ForeignKey("alert.alert_id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    cause: Mapped[str | None] = mapped_column(Text)
    measure: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(20))
