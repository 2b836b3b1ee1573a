"""Answers kept for repeated requests; the audit trail is searched by more than its subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SEARCHED = ("at", "actor", "action")


def upgrade() -> None:
    """Add the answers of writes with an ``Idempotency-Key``, and indexes of the trail."""
    op.create_table(
        "kept_answer",
        sa.Column("principal", sa.Text(), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("claimed_at", sa.DateTime(), nullable=False),
        sa.Column("effective", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
    )
    op.create_index("ix_kept_answer_claimed_at", "kept_answer", ["claimed_at"])
    for column in _SEARCHED:
        op.create_index(f"ix_audit_event_{column}", "audit_event", [column])


def downgrade() -> None:
    """Forget the answers: a write repeated after this is done again."""
    for column in _SEARCHED:
        op.drop_index(f"ix_audit_event_{column}", "audit_event")
    op.drop_table("kept_answer")
