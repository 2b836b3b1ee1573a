"""Votes, overrides and appeals; the cases themselves are in ``serving/store/tables.py``."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import CustomerId, Table


class ReviewVoteRow(Table):
    """A vote; rows are only ever added, the last one of a voter counts."""

    __tablename__ = "review_vote"

    case_id: Mapped[str] = mapped_column(ForeignKey("review_case.case_id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int]
    voter: Mapped[str] = mapped_column(Text)
    seat: Mapped[str] = mapped_column(Text)
    tier_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float]
    at: Mapped[datetime]
    salt: Mapped[str] = mapped_column(String(64))


class GradeOverrideRow(Table):
    """A tier given by people; the partial index allows one of a customer that has not ended."""

    __tablename__ = "grade_override"
    __table_args__ = (
        Index(
            "uq_grade_override_standing",
            "customer_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_grade_override_decided", "decided_at", "override_id"),
    )

    override_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId)
    grade_id: Mapped[str] = mapped_column(ForeignKey("grade.grade_id"))
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    case_id: Mapped[str] = mapped_column(ForeignKey("review_case.case_id"), index=True)
    scheme_id: Mapped[str] = mapped_column(Text)
    tier_id: Mapped[str] = mapped_column(Text)
    model_tier_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    texts: Mapped[dict[str, str]] = mapped_column(JSON)
    decided_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(Text)
    ending: Mapped[str | None] = mapped_column(String(20))
    ended_text: Mapped[str] = mapped_column(Text, server_default="")


class AppealRow(Table):
    """An appeal; its case carries state and due date."""

    __tablename__ = "appeal"
    __table_args__ = (Index("ix_appeal_filed", "filed_at", "appeal_id"),)

    appeal_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(CustomerId, index=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("review_case.case_id"), unique=True)
    contested_case_id: Mapped[str | None] = mapped_column(ForeignKey("review_case.case_id"))
    contested_tier_id: Mapped[str] = mapped_column(Text)
    wanted_tier_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[str]] = mapped_column(JSON)
    filed_at: Mapped[datetime]
    filed_by: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(20))
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[dict[str, list[str]] | None] = mapped_column(JSON(none_as_null=True))
