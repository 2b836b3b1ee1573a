"""Stated confidence and segments of grades; grades from before have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add confidence and segments."""
    op.add_column("run", sa.Column("segments", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("grade", sa.Column("confidence", sa.Double(), nullable=True))
    op.add_column("grade", sa.Column("segment", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop confidence and segments."""
    op.drop_column("grade", "segment")
    op.drop_column("grade", "confidence")
    op.drop_column("run", "segments")
