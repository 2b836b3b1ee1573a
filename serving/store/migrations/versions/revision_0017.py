"""Customers under observation: reason at first contact, recovery plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LIVE = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Add the table; who is observed already gets a case with the next run."""
    op.create_table(
        "recovery",
        sa.Column("recovery_id", sa.String(40), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("scheme_id", sa.Text(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("contacted_at", sa.DateTime(), nullable=True),
        sa.Column("contacted_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("planned_at", sa.DateTime(), nullable=True),
        sa.Column("planned_by", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("goal_tier_id", sa.Text(), nullable=True),
        sa.Column("goal_date", sa.Date(), nullable=True),
        sa.Column("plans", sa.Integer(), nullable=False),
        sa.Column("late_at", sa.DateTime(), nullable=True),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
    )
    op.create_index(
        "uq_recovery_live_customer",
        "recovery",
        ["customer_id"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index("ix_recovery_due", "recovery", ["due_at", "recovery_id"])
    op.create_index("ix_recovery_state_due", "recovery", ["state", "due_at", "recovery_id"])
    op.create_index("ix_recovery_customer", "recovery", ["customer_id"])


def downgrade() -> None:
    """Drop it; what was recorded stays in the audit trail."""
    op.drop_table("recovery")
