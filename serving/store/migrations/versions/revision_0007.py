"""Reviews, votes, overrides and appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Let cases be claimed, voted on, decided, closed and appealed."""
    for column in _columns():
        op.add_column("review_case", column)
    op.drop_index("uq_review_case_open_customer", "review_case")
    _one_case("uq_review_case_live_customer", "status IN ('open', 'claimed')")
    op.create_index("ix_review_case_due", "review_case", ["due_at", "case_id"])
    op.create_index("ix_review_case_customer", "review_case", ["customer_id", "decided_at"])
    case = sa.ForeignKey("review_case.case_id")
    op.create_table(
        "review_vote",
        sa.Column("case_id", sa.String(40), case, primary_key=True),
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
    )
    _overrides()
    _appeals()


def downgrade() -> None:
    """Drop votes, overrides, appeals and decisions; what was claimed is open again."""
    op.drop_table("appeal")
    op.drop_table("grade_override")
    op.drop_table("review_vote")
    for name in ("ix_review_case_customer", "ix_review_case_due", "uq_review_case_live_customer"):
        op.drop_index(name, "review_case")
    op.execute(
        "UPDATE review_case SET closed_at = COALESCE(closed_at, decided_at), status = CASE status "
        "WHEN 'open' THEN 'open' WHEN 'claimed' THEN 'open' ELSE 'withdrawn' END"
    )
    _one_case("uq_review_case_open_customer", "status = 'open'")
    for column in _columns():
        op.drop_column("review_case", column.name)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.String(20), nullable=False, server_default="referral"),
        sa.Column("policy", sa.Text(), nullable=False, server_default=""),
        sa.Column("level", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(), nullable=True),
        sa.Column("escalated_at", sa.DateTime(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_tier_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("holds_until", sa.DateTime(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.Column("decision_texts", sa.JSON(), nullable=True),
        sa.Column("decision_level", sa.Integer(), nullable=True),
        sa.Column("votes", sa.Integer(), nullable=True),
        sa.Column("agreement", sa.Double(), nullable=True),
    ]


def _one_case(name: str, condition: str) -> None:
    op.create_index(
        name,
        "review_case",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )


def _overrides() -> None:
    op.create_table(
        "grade_override",
        sa.Column("override_id", sa.String(40), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("grade_id", sa.String(40), sa.ForeignKey("grade.grade_id"), nullable=False),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("case_id", sa.String(40), sa.ForeignKey("review_case.case_id"), nullable=False),
        sa.Column("scheme_id", sa.Text(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("model_tier_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ending", sa.String(20), nullable=True),
        sa.Column("ended_text", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index(
        "uq_grade_override_standing",
        "grade_override",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_grade_override_decided", "grade_override", ["decided_at", "override_id"])
    op.create_index("ix_grade_override_case_id", "grade_override", ["case_id"])


def _appeals() -> None:
    case = "review_case.case_id"
    op.create_table(
        "appeal",
        sa.Column("appeal_id", sa.String(40), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("case_id", sa.String(40), sa.ForeignKey(case), nullable=False, unique=True),
        sa.Column("contested_case_id", sa.String(40), sa.ForeignKey(case), nullable=True),
        sa.Column("contested_tier_id", sa.Text(), nullable=False),
        sa.Column("wanted_tier_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("filed_at", sa.DateTime(), nullable=False),
        sa.Column("filed_by", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
    )
    op.create_index("ix_appeal_customer_id", "appeal", ["customer_id"])
    op.create_index("ix_appeal_filed", "appeal", ["filed_at", "appeal_id"])
