"""The table of answers kept for repeated writes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from serving.store.tables import Table


class KeptAnswerRow(Table):
    """A write that carried an ``Idempotency-Key``, from its claim on."""

    __tablename__ = "kept_answer"

    principal: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    # Of method, address and body: the same key for another request is a fault of the caller.
    fingerprint: Mapped[str] = mapped_column(String(64))
    # Who works on it; a claim that was taken over by somebody else cannot commit any more.
    token: Mapped[str] = mapped_column(String(32))
    claimed_at: Mapped[datetime] = mapped_column(index=True)
    # Set in the transaction of the write itself.
    effective: Mapped[bool]
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None] = mapped_column(JSON)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
