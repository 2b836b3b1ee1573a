"""Lists of grades in a table of their own, in their own order; no index over hashes of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LISTS = ("tier", "referred", "stage")
_COLUMN = {"tier": "tier_index", "referred": "referred", "stage": "stage"}


def upgrade() -> None:
    """Give every grade its place."""
    op.create_table(
        "grade_rank",
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), primary_key=True),
        sa.Column("minus_score", sa.Double(), primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, primary_key=True),
        sa.Column("tier_index", sa.Integer(), nullable=False),
        sa.Column("referred", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sqlite_with_rowid=False,
    )
    for name in LISTS:
        columns = ["run_id", _COLUMN[name], "minus_score", "customer_id"]
        op.create_index(f"ix_grade_rank_{name}", "grade_rank", columns)
    op.execute(
        "INSERT INTO grade_rank (run_id, minus_score, customer_id, tier_index, referred, stage) "
        "SELECT run_id, -score, customer_id, tier_index, referred, stage FROM grade "
        "ORDER BY run_id, score DESC, customer_id"
    )
    for name in LISTS:
        op.drop_index(f"ix_grade_run_{name}_score", "grade")
    op.drop_index("ix_grade_run_score", "grade")
    _hashes(unique=False)


def downgrade() -> None:
    """Read lists by indexes over the grades again."""
    _hashes(unique=True)
    best = sa.text("score DESC")
    op.create_index("ix_grade_run_score", "grade", ["run_id", best, "customer_id"])
    for name in LISTS:
        op.create_index(
            f"ix_grade_run_{name}_score", "grade", ["run_id", _COLUMN[name], best, "customer_id"]
        )
    op.drop_table("grade_rank")


def _hashes(*, unique: bool) -> None:
    """Keep the hashes of events unique by an index, or by their being chained alone."""
    if op.get_bind().dialect.name == "postgresql":
        name, table = "audit_event_hash_key", "audit_event"
        if unique:
            op.create_unique_constraint(name, table, ["hash"])
        else:
            op.drop_constraint(name, table, type_="unique")
        return
    # SQLite takes no constraint away from a table that is there.
    op.create_table(
        "audit_event_anew",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=unique),
    )
    op.execute("INSERT INTO audit_event_anew SELECT * FROM audit_event ORDER BY sequence")
    op.drop_table("audit_event")  # with its triggers and indexes
    op.rename_table("audit_event_anew", "audit_event")
    for column in ("at", "actor", "action", "subject"):
        op.create_index(f"ix_audit_event_{column}", "audit_event", [column])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
        )
