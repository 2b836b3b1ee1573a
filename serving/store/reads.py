"""The log of reads: the only queries over it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import distinct, func, insert, select
from sqlalchemy.orm import Session

from serving.domain.reading import Read
from serving.store.governance_tables import ReadRow


class Reads:
    """The log as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, page_id: str, reads: Sequence[Read]) -> None:
        """Add one page of the log."""
        self._session.execute(
            insert(ReadRow),
            [
                {
                    "page_id": page_id,
                    "at": read.at,
                    "principal": read.principal,
                    "action": read.action,
                    "customer_id": read.customer_id,
                    "customers": read.customers,
                    "request_id": read.request_id,
                }
                for read in reads
            ],
        )

    def page(self, page_id: str) -> tuple[Read, ...]:
        """Return one page of the log in the order it was written."""
        rows = select(ReadRow).where(ReadRow.page_id == page_id).order_by(ReadRow.read_id)
        return tuple(_read(row) for row in self._session.scalars(rows))

    def about(self, customer_id: str, limit: int = 100) -> tuple[Read, ...]:
        """Return who looked at one customer, newest first."""
        rows = select(ReadRow).where(ReadRow.customer_id == customer_id)
        newest = rows.order_by(ReadRow.at.desc(), ReadRow.read_id.desc()).limit(limit)
        return tuple(_read(row) for row in self._session.scalars(newest))

    def customers_read(self, principal: str, since: datetime) -> int:
        """Count the customers somebody read since an instant: each once, and lists by length."""
        own = (ReadRow.principal == principal, ReadRow.at >= since)
        single = select(func.count(distinct(ReadRow.customer_id))).where(*own)
        lists = select(func.coalesce(func.sum(ReadRow.customers), 0)).where(
            *own, ReadRow.customer_id.is_(None)
        )
        return int(self._session.scalar(single) or 0) + int(self._session.scalar(lists) or 0)


def _read(row: ReadRow) -> Read:
    return Read(row.at, row.principal, row.action, row.customer_id, row.customers, row.request_id)
