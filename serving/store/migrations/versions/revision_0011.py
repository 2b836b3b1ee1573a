"""Exports and what was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CUSTOMER_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the log of reads and the exports."""
    op.create_table(
        "read_event",
        sa.Column(
            "read_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("page_id", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("customer_id", CUSTOMER_ID),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(100), nullable=False),
    )
    op.create_index("ix_read_event_page_id", "read_event", ["page_id"])
    op.create_index("ix_read_event_principal_at", "read_event", ["principal", "at"])
    op.create_index("ix_read_event_customer", "read_event", ["customer_id", "at"])
    # The newest change, without walking over what was only read.
    op.create_index(
        "ix_audit_event_changes",
        "audit_event",
        ["sequence"],
        sqlite_where=sa.text("actor <> 'read-log'"),
        postgresql_where=sa.text("actor <> 'read-log'"),
    )
    op.create_table(
        "export",
        sa.Column("export_id", sa.String(32), primary_key=True),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("tier_id", sa.Text()),
        sa.Column("referred", sa.Boolean()),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("data_class", sa.String(20), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("mark_key", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("approvals", sa.JSON(), nullable=False),
        sa.Column("refused_by", sa.Text()),
        sa.Column("refused_why", sa.Text()),
        sa.Column("file_sha256", sa.String(64)),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_export_requested", "export", ["requested_at", "export_id"])
    op.create_table(
        "export_file",
        sa.Column("export_id", sa.String(32), sa.ForeignKey("export.export_id"), primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("shares", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("export_file")
    op.drop_table("export")
    op.drop_index("ix_audit_event_changes", "audit_event")
    op.drop_table("read_event")
