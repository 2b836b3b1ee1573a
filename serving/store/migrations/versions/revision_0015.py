"""Runs that are written and told in pieces; indexes that nothing is read by any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
CHANGES = sa.text("actor <> 'read-log'")


def upgrade() -> None:
    """Add the steps; a customer's history is read run by run, the mark from what is new."""
    op.create_table(
        "run_step",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("served_run_id", sa.String(40), nullable=True),
        sa.Column("told_to", CUSTOMER_ID, nullable=True),
    )
    op.drop_index("ix_grade_customer", "grade")
    op.drop_index("ix_audit_event_changes", "audit_event")


def downgrade() -> None:
    """Take them back; a run that was coming is taken away first."""
    link = op.get_bind()
    coming = "(SELECT run_id FROM run_step WHERE stage = 'coming')"
    of_coming = f"(SELECT grade_id FROM grade WHERE run_id IN {coming})"
    ids = (
        link.execute(sa.text("SELECT run_id FROM run_step WHERE stage = 'coming'")).scalars().all()
    )
    link.execute(sa.text(f"DELETE FROM grade_explanation WHERE grade_id IN {of_coming}"))
    link.execute(sa.text(f"DELETE FROM grade WHERE run_id IN {coming}"))
    op.drop_table("run_step")
    for run_id in ids:
        link.execute(sa.text("DELETE FROM run WHERE run_id = :run"), {"run": run_id})
    op.create_index(
        "ix_audit_event_changes",
        "audit_event",
        ["sequence"],
        sqlite_where=CHANGES,
        postgresql_where=CHANGES,
    )
    op.create_index("ix_grade_customer", "grade", ["customer_id"])
