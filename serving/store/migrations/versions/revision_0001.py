"""Runs, grades, explanations, review cases, audit events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the first tables."""
    _run()
    _grade()
    _review_case()
    _audit_event()


def downgrade() -> None:
    """Drop the first tables with everything in them."""
    for table in ("audit_event", "review_case", "grade_explanation", "grade", "run"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_event_refuse()")


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(40), primary_key=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("frame_sha256", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=True),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("referred", sa.Integer(), nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(16), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("bundle_digest", sa.String(64), nullable=False),
        sa.Column("trained_as_of", sa.Date(), nullable=True),
        sa.Column("churn_horizon_days", sa.Integer(), nullable=False),
        sa.Column("ltv_horizon_days", sa.Integer(), nullable=False),
        sa.Column("scheme_id", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Text(), nullable=False),
        sa.Column("scheme_sha256", sa.String(64), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
    )
    op.create_index("ix_run_finished_at", "run", ["finished_at"])


def _grade() -> None:
    op.create_table(
        "grade",
        sa.Column("grade_id", sa.String(40), primary_key=True),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("tier_index", sa.Integer(), nullable=False),
        sa.Column("margin_up", sa.Double(), nullable=True),
        sa.Column("margin_down", sa.Double(), nullable=True),
        sa.Column("churn_probability", sa.Double(), nullable=True),
        sa.Column("ltv", sa.Double(), nullable=True),
        sa.Column("ltv_lower", sa.Double(), nullable=True),
        sa.Column("ltv_upper", sa.Double(), nullable=True),
        sa.Column("referred", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("reason_texts", sa.JSON(), nullable=False),
        sa.Column("dimension_scores", sa.JSON(), nullable=False),
        sa.Column("indicators", sa.JSON(), nullable=False),
        sa.UniqueConstraint("run_id", "customer_id", name="uq_grade_run_customer"),
    )
    descending = sa.text("score DESC")
    op.create_index("ix_grade_run_score", "grade", ["run_id", descending, "customer_id"])
    op.create_index(
        "ix_grade_run_tier_score", "grade", ["run_id", "tier_index", descending, "customer_id"]
    )
    op.create_index(
        "ix_grade_run_referred_score", "grade", ["run_id", "referred", descending, "customer_id"]
    )
    op.create_index("ix_grade_customer", "grade", ["customer_id"])
    op.create_table(
        "grade_explanation",
        sa.Column("grade_id", sa.String(40), sa.ForeignKey("grade.grade_id"), primary_key=True),
        sa.Column("base", sa.Double(), nullable=False),
        sa.Column("contributions", sa.JSON(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("percentiles", sa.JSON(), nullable=False),
    )


def _review_case() -> None:
    op.create_table(
        "review_case",
        sa.Column("case_id", sa.String(40), primary_key=True),
        sa.Column("grade_id", sa.String(40), sa.ForeignKey("grade.grade_id"), nullable=False),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("customer_id", CUSTOMER_ID, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
    )
    op.create_index(
        "uq_review_case_open_customer",
        "review_case",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index("ix_review_case_status_due", "review_case", ["status", "due_at", "case_id"])
    op.create_index("ix_review_case_grade_id", "review_case", ["grade_id"])


def _audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    op.create_index("ix_audit_event_subject", "audit_event", ["subject"])
    _refuse_changes()


def _refuse_changes() -> None:
    """Let the store prevent what the chain would show."""
    message = "audit events are append-only"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for verb in ("UPDATE", "DELETE", "TRUNCATE"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()"
        )
