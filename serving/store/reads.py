"""The log of reads: the only queries over it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import distinct, exists, func, insert, select, text
from sqlalchemy.orm import Session

from serving.domain.reading import Read
from serving.store.engines import make_room
from serving.store.governance_tables import ReadRow
from serving.store.tables import AuditEventRow

# A page is one statement: the database takes its lines apart, while Python answers requests.
_ADD = {
    "sqlite": text(
        "INSERT INTO read_event "
        "(page_id, at, principal, action, customer_id, customers, request_id) "
        "SELECT :page_id, replace(substr(json_extract(value, '$[0]') || '.000000', 1, 26), "
        "'T', ' '), json_extract(value, '$[1]'), json_extract(value, '$[2]'), "
        "json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') "
        "FROM json_each('[' || replace(rtrim(:lines, char(10)), char(10), ',') || ']') ORDER BY key"
    ),
    "postgresql": text(
        "INSERT INTO read_event "
        "(page_id, at, principal, action, customer_id, customers, request_id) "
        "SELECT :page_id, CAST(line ->> 0 AS timestamp), line ->> 1, line ->> 2, line ->> 3, "
        "CAST(line ->> 4 AS integer), line ->> 5 "
        "FROM json_array_elements(CAST("
        "'[' || replace(rtrim(CAST(:lines AS text), chr(10)), chr(10), ',') || ']' AS json)) "
        "WITH ORDINALITY AS page (line, place) "
        "ORDER BY place"
    ),
}
_NUL = "\\u0000"
"""As JSON writes the character that SQLite's functions end a text at."""
_ROOM_KB = 16_000
_LAST = select(func.max(ReadRow.read_id))


class Reads:
    """The log as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, page_id: str, lines: str) -> None:
        """Add one page of the log.

        Parameters
        ----------
        lines
            The `serving.domain.reading.line_of` each read, with a line break behind each.
        """
        if "\\" in lines and _NUL in lines:  # to look for one character is much quicker
            rows = [_row(page_id, json.loads(line)) for line in lines.splitlines()]
            self._session.execute(insert(ReadRow), rows)
            return
        connection = self._session.connection()
        # Each customer has a place of its own in the index of who was looked at.
        make_room(connection, _ROOM_KB)
        connection.execute(_ADD[connection.dialect.name], {"page_id": page_id, "lines": lines})

    def pages(self, page_ids: Sequence[str]) -> Mapping[str, Sequence[Read]]:
        """Return some pages of the log by their ids, without those that are not there."""
        rows = select(ReadRow).where(ReadRow.page_id.in_(page_ids)).order_by(ReadRow.read_id)
        found: dict[str, list[Read]] = {}
        for row in self._session.scalars(rows):
            found.setdefault(row.page_id, []).append(_read(row))
        return found

    def without(self, action: str, prefix: str) -> Iterator[str]:
        """Yield the pages that no event of an action is about.

        Parameters
        ----------
        prefix
            Of an event's subject, before the page's id.
        """
        event = AuditEventRow
        told = exists().where(event.subject == prefix + ReadRow.page_id, event.action == action)
        yield from self._session.scalars(select(ReadRow.page_id).distinct().where(~told))

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

    def last(self) -> int:
        """Return the number of the newest read; 0 while there is none."""
        return int(self._session.scalar(_LAST) or 0)

    def after(self, number: int) -> Iterator[tuple[str, str | None, datetime, int]]:
        """Yield who read whom, when, and how many, behind a number of `last`."""
        row = ReadRow
        rows = select(row.principal, row.customer_id, row.at, row.customers)
        yield from self._session.execute(rows.where(row.read_id > number))

    def latest_of(
        self, principal: str, since: datetime
    ) -> Sequence[tuple[str | None, datetime, int]]:
        """Return whom somebody read since an instant, and when last; every list by itself.

        Returns
        -------
        sequence of (customer_id, at, customers)
            What `customers_read` counts.
        """
        own = (ReadRow.principal == principal, ReadRow.at >= since)
        known = ReadRow.customer_id.is_not(None)
        single = select(ReadRow.customer_id, func.max(ReadRow.at)).where(*own, known)
        lists = select(ReadRow.at, ReadRow.customers).where(*own, ReadRow.customer_id.is_(None))
        return [
            *((each, at, 1) for each, at in self._session.execute(single.group_by("customer_id"))),
            *((None, at, customers) for at, customers in self._session.execute(lists)),
        ]


def _read(row: ReadRow) -> Read:
    return Read(row.at, row.principal, row.action, row.customer_id, row.customers, row.request_id)


def _row(page_id: str, line: list[Any]) -> dict[str, Any]:
    at, principal, action, customer_id, customers, request_id = line
    return {
        "page_id": page_id,
        "at": datetime.fromisoformat(at),
        "principal": principal,
        "action": action,
        "customer_id": customer_id,
        "customers": customers,
        "request_id": request_id,
    }
