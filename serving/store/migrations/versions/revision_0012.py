"""Scores of models that are not served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add what shadows say."""
    op.create_table(
        "shadow_run",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("bundle_digest", sa.String(64), primary_key=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("scheme_id", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Text(), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=False),
    )
    op.create_table(
        "shadow_grade",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("bundle_digest", sa.String(64), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, primary_key=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("referred", sa.Boolean(), nullable=False),
        sa.Column("churn_probability", sa.Double(), nullable=True),
        sa.Column("ltv", sa.Double(), nullable=True),
    )


def downgrade() -> None:
    """Drop what shadows said."""
    op.drop_table("shadow_grade")
    op.drop_table("shadow_run")
