"""The outbox and its webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    """Add webhooks, messages, deliveries and their attempts."""
    op.create_table(
        "webhook",
        sa.Column("webhook_id", sa.String(40), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("previous_until", sa.DateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("resume_at", sa.DateTime(), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(), nullable=True),
        sa.Column("failed_at", sa.DateTime(), nullable=True),
    )
    op.create_table(
        "push_message",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.String(40), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column(
            "webhook_id", sa.String(40), sa.ForeignKey("webhook.webhook_id"), primary_key=True
        ),
        sa.Column(
            "sequence",
            sa.Integer(),
            sa.ForeignKey("push_message.sequence"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("lease", sa.String(40), nullable=True),
        sa.Column("leased_until", sa.DateTime(), nullable=True),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
    )
    for name, columns in (
        ("ix_delivery_due", ["webhook_id", "next_at", "sequence"]),
        ("ix_delivery_order", ["webhook_id", "order_key", "sequence"]),
    ):
        op.create_index(name, "delivery", columns, sqlite_where=_PENDING, postgresql_where=_PENDING)
    op.create_index("ix_delivery_state", "delivery", ["webhook_id", "state", "sequence"])
    op.create_index("ix_delivery_closed", "delivery", ["state", "closed_at"])
    op.create_index("ix_delivery_sequence", "delivery", ["sequence"])
    op.create_table(
        "delivery_attempt",
        sa.Column("webhook_id", sa.String(40), primary_key=True),
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(40), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id", "sequence"], ["delivery.webhook_id", "delivery.sequence"]
        ),
    )


def downgrade() -> None:
    """Drop the outbox with everything that is still in it."""
    for table in ("delivery_attempt", "delivery", "push_message", "webhook"):
        op.drop_table(table)
