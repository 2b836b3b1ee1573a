"""Sources of any of the ten tables through the real door, for the tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import ibis
import pyarrow as pa

from features.backends import connect
from features.contract import CONTRACT
from features.snapshot import Snapshot
from features.sources import Sources, ingest, open_sources
from tests.factories import Row, customers, interactions, invoices, orders, tickets

END = datetime(2025, 6, 30, 12)
SNAPSHOT = Snapshot.at(END.date())

_BUILD = {
    "customers": customers,
    "orders": orders,
    "invoices": invoices,
    "tickets": tickets,
    "interactions": interactions,
}


def ago(days: int) -> datetime:
    """Return the noon that lies some calendar days before the snapshot's day."""
    return END - timedelta(days=days)


def world(folder: Path, **rows: Sequence[Row]) -> Sources:
    """Ingest rows by table name and open the result; a row says all its cells but its key."""
    given = {"orders": [{"occurred_at": ago(0)}], **rows}
    connection = connect(threads=1)
    raw = {name: _BUILD[name](some) if name in _BUILD else _plain(name, some)
           for name, some in given.items()}  # fmt: skip
    ingest(raw, folder, connection=connection, world="test", currency="EUR")
    return open_sources(folder, connection)


def bought(customer: str, *days_and_amounts: tuple[int, float]) -> list[Row]:
    """Return one order a pair of age in days and amount."""
    return [
        {
            "customer_id": customer,
            "order_id": f"{customer}-{i}",
            "occurred_at": ago(age),
            "net_amount": amount,
        }
        for i, (age, amount) in enumerate(days_and_amounts)
    ]


def _plain(name: str, rows: Sequence[Row]) -> ibis.Table:
    key = CONTRACT[name].key
    filled = [
        {**({key[0]: f"k{i}"} if len(key) == 1 else {}), "occurred_at": ago(0), **row}
        for i, row in enumerate(rows)
    ]
    columns = dict.fromkeys(column for row in filled for column in row)
    return ibis.memtable(pa.table({c: [row.get(c) for row in filled] for c in columns}))
