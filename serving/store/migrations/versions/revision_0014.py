"""Canaries: a second model for a share of the customers, and which grades it gave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add plans, reports, and the marks; what is there was graded by champions alone."""
    op.add_column("run", sa.Column("canary", sa.JSON(), nullable=True))
    op.add_column("grade", sa.Column("side", sa.Text(), nullable=True))
    op.create_table(
        "canary_plan",
        sa.Column("plan_id", sa.String(32), primary_key=True),
        sa.Column("bundle_digest", sa.String(64), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ending", sa.String(20), nullable=True),
        # True of the one that stands, NULL of all that ended: so there is never a second.
        sa.Column("standing", sa.Boolean(), nullable=True),
        sa.UniqueConstraint("standing", name="uq_canary_plan_standing"),
    )
    op.create_table(
        "canary_report",
        sa.Column("plan_id", sa.String(32), sa.ForeignKey("canary_plan.plan_id"), primary_key=True),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Drop them: a canary's grades are then taken for the champion's, and do not replay."""
    op.drop_table("canary_report")
    op.drop_table("canary_plan")
    op.drop_column("grade", "side")
    op.drop_column("run", "canary")
