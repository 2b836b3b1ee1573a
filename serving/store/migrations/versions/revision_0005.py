"""Alerts and what people did about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the alerts."""
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.String(40), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("escalates_to", sa.Text(), nullable=False),
        sa.Column("needs_analysis", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("responded_at", sa.DateTime(), nullable=True),
        sa.Column("analysed", sa.Boolean(), nullable=False),
        sa.Column("escalated_at", sa.DateTime(), nullable=True),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("thresholds", sa.JSON(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("stated_cause", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
    )
    op.create_index(
        "uq_alert_uncleared",
        "alert",
        ["customer_id", "kind"],
        unique=True,
        sqlite_where=sa.text("NOT cleared"),
        postgresql_where=sa.text("NOT cleared"),
    )
    op.create_index("ix_alert_state_due", "alert", ["state", "due_at", "alert_id"])
    op.create_index("ix_alert_due", "alert", ["due_at", "alert_id"])
    op.create_index("ix_alert_kind_state_due", "alert", ["kind", "state", "due_at", "alert_id"])
    op.create_table(
        "alert_action",
        sa.Column("alert_id", sa.String(40), sa.ForeignKey("alert.alert_id"), primary_key=True),
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
    )


def downgrade() -> None:
    """Drop the alerts with everything people did about them."""
    op.drop_table("alert_action")
    op.drop_table("alert")
