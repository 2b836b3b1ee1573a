"""Small source tables for tests, taken in through the real door.

Rows are dicts; what a row leaves out gets a value that passes every check. Tests say
only what they are about: ``sources(folder, orders=[{"net_amount": -5}])``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from features.backends import connect
from features.sources import SourceReport, Sources, ingest, open_sources

Row = Mapping[str, Any]
Make = Callable[[int], Row]
Fill = Callable[[Row], Row]

NOON = datetime(2025, 6, 1, 12)


def orders(rows: Iterable[Row]) -> ir.Table:
    """Return order lines; each is its own order of 10.00 unless it says otherwise."""
    return _table(rows, lambda i: {"order_id": f"o{i}", "net_amount": 10.0})


def invoices(rows: Iterable[Row]) -> ir.Table:
    """Return invoices of 10.00, due after 30 days and unpaid."""
    return _table(
        rows,
        lambda i: {"invoice_id": f"i{i}", "amount": 10.0, "paid_at": None},
        lambda row: {"due_at": (row["occurred_at"] or NOON) + timedelta(days=30)},
    )


def tickets(rows: Iterable[Row]) -> ir.Table:
    """Return open tickets."""
    return _table(rows, lambda i: {"ticket_id": f"t{i}", "resolved_at": None})


def interactions(rows: Iterable[Row]) -> ir.Table:
    """Return outbound contacts."""
    return _table(rows, lambda i: {"interaction_id": f"n{i}", "kind": "call"})


def customers(rows: Iterable[Row]) -> ir.Table:
    """Return customers without attributes."""
    return _columns([{"customer_id": f"c{i}", **row} for i, row in enumerate(rows)])


def sources(
    folder: Path,
    *,
    connection: BaseBackend | None = None,
    currency: str = "EUR",
    **rows: Sequence[Row] | None,
) -> Sources:
    """Ingest rows by table name into ``folder`` and open the result.

    ``orders`` defaults to one order of customer ``c0`` at :data:`NOON`.
    """
    link = connection if connection is not None else connect(threads=1)
    take_in(folder, connection=link, currency=currency, **rows)
    return open_sources(folder, link)


def take_in(
    folder: Path,
    *,
    connection: BaseBackend | None = None,
    currency: str = "EUR",
    **rows: Sequence[Row] | None,
) -> SourceReport:
    """Ingest rows by table name into ``folder`` and return the report."""
    build = {
        "customers": customers,
        "orders": orders,
        "invoices": invoices,
        "tickets": tickets,
        "interactions": interactions,
    }
    given = {"orders": [{}], **rows}
    raw = {name: None if some is None else build[name](some) for name, some in given.items()}
    link = connection if connection is not None else connect(threads=1)
    return ingest(raw, folder, connection=link, world="test", currency=currency)


def _table(rows: Iterable[Row], own: Make, follow: Fill = lambda _row: {}) -> ir.Table:
    """Fill the rows: ``own`` by their place, ``follow`` by their other values."""
    filled = []
    for i, row in enumerate(rows):
        start = {"customer_id": "c0", "occurred_at": NOON, **own(i), **row}
        filled.append({**follow(start), **start})
    return _columns(filled)


def _columns(rows: Sequence[Row]) -> ir.Table:
    """Return the rows as a table; a column with any text in it, or nothing, is all text."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        cells = [row.get(name) for row in rows]
        if any(isinstance(cell, str) for cell in cells) or all(cell is None for cell in cells):
            texts = [None if cell is None else str(cell) for cell in cells]
            columns[name] = pa.array(texts, pa.string())
        else:
            columns[name] = pa.array(cells)
    return ibis.memtable(pa.table(columns))
