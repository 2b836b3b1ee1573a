"""Tables of what was read and what left the house."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import CustomerId, Table


class ReadRow(Table):
    """Somebody's look at customers; append-only, pages are anchored in the audit trail."""

    __tablename__ = "read_event"
    __table_args__ = (
        Index("ix_read_event_principal_at", "principal", "at"),
        Index("ix_read_event_customer", "customer_id", "at"),
    )

    read_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    page_id: Mapped[str] = mapped_column(String(32), index=True)
    at: Mapped[datetime]
    principal: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(20))
    customer_id: Mapped[str | None] = mapped_column(CustomerId)
    customers: Mapped[int]
    request_id: Mapped[str] = mapped_column(String(100))


class ExportRow(Table):
    """An export with its approvals."""

    __tablename__ = "export"
    __table_args__ = (Index("ix_export_requested", "requested_at", "export_id"),)

    export_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(Text)
    tier_id: Mapped[str | None] = mapped_column(Text)
    referred: Mapped[bool | None]
    customers: Mapped[int]
    data_class: Mapped[str] = mapped_column(String(20))
    parts: Mapped[list[str]] = mapped_column(JSON)
    locked: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    mark_key: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    approvals: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    refused_by: Mapped[str | None] = mapped_column(Text)
    refused_why: Mapped[str | None] = mapped_column(Text)
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    downloads: Mapped[int]
    # So that of two who approve at once only one is the second.
    version: Mapped[int]


class ExportFileRow(Table):
    """The file of a ready export, and the shares of its lock until they are collected."""

    __tablename__ = "export_file"

    export_id: Mapped[str] = mapped_column(ForeignKey("export.export_id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    # By approver; a share is deleted when it is handed out.
    shares: Mapped[dict[str, str]] = mapped_column(JSON)
