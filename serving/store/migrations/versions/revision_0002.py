"""Lifecycle stages of grades; runs from before have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the stages."""
    op.add_column("run", sa.Column("lifecycles", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("grade", sa.Column("stage", sa.Text(), nullable=True))
    op.add_column("grade", sa.Column("stages", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index(
        "ix_grade_run_stage_score",
        "grade",
        ["run_id", "stage", sa.text("score DESC"), "customer_id"],
    )


def downgrade() -> None:
    """Drop the stages."""
    op.drop_index("ix_grade_run_stage_score", table_name="grade")
    op.drop_column("grade", "stages")
    op.drop_column("grade", "stage")
    op.drop_column("run", "lifecycles")
