"""Reports of drift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the reports."""
    op.create_table(
        "drift_report",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("before_run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("customers_before", sa.Integer(), nullable=False),
        sa.Column("customers_after", sa.Integer(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("drift_report")
