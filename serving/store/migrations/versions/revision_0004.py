"""Tiers held over time and policy packs; grades from before hold the tier of their day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a tier held rests on, and the packs of a run's scheme."""
    op.add_column("run", sa.Column("previous_run_id", sa.String(length=40), nullable=True))
    op.add_column("run", sa.Column("packs", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("grade", sa.Column("raw_tier", sa.Text(), nullable=True))
    op.add_column("grade", sa.Column("tier_since", sa.Date(), nullable=True))
    op.add_column("grade", sa.Column("pending_since", sa.Date(), nullable=True))
    op.add_column("grade", sa.Column("days_left", sa.Double(), nullable=True))
    op.add_column("grade", sa.Column("moves", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop them."""
    for column in ("moves", "days_left", "pending_since", "tier_since", "raw_tier"):
        op.drop_column("grade", column)
    op.drop_column("run", "packs")
    op.drop_column("run", "previous_run_id")
