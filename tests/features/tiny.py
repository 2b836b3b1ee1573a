"""Sources made of a few rows: the contract's tables in memory, as ingestion would leave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from ibis.backends import BaseBackend

from features.contract import CONTRACT, Kind
from features.sources import SourceInfo, Sources, ingest, open_sources
from features.worlds import b2b

Row = Mapping[str, object]

ORACLES = Path(__file__).parents[1] / "oracles"

_ARROW: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "money": pa.decimal128(18, 4),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


def arrow(name: str, rows: Iterable[Row]) -> pa.Table:
    """Return rows as an Arrow table with all contract columns, defaults filled in."""
    table = CONTRACT[name]
    filled = []
    for row in rows:
        unknown = set(row) - set(table.column_names)
        assert not unknown, f"{name} has no column {unknown}"
        full = {c.name: row.get(c.name, c.default) for c in table.columns}
        full["recorded_at"] = row.get("recorded_at") or row.get(table.event_time)
        for money in table.of_kind("money"):
            if full[money] is not None:
                full[money] = Decimal(str(full[money]))
        filled.append(full)
    schema = pa.schema([(c.name, _ARROW[c.kind]) for c in table.columns])
    return pa.Table.from_pylist(filled, schema=schema)


def sources(
    connection: BaseBackend,
    tables: Mapping[str, Sequence[Row]],
    *,
    unmapped: Sequence[str] = (),
    versioned: Sequence[str] = (),
    world: str = "tiny",
) -> Sources:
    """Return sources with the given rows.

    Parameters
    ----------
    tables
        Rows by table; a table left out does not exist.
    unmapped
        Columns, as ``table.column``, that the source is said to lack.
    versioned
        Tables with several versions of one key.
    """
    bound = {}
    for name, rows in tables.items():
        bound[name] = connection.create_table(name, arrow(name, rows), overwrite=True)
    days = [
        moment.date()
        for row in tables["orders"]
        if isinstance(moment := row["occurred_at"], datetime)
    ]
    info = SourceInfo(
        world=world,
        currency="USD",
        simulated=True,
        terms="",
        fingerprints={name: f"{len(rows):064x}" for name, rows in tables.items()},
        rows={name: len(rows) for name, rows in tables.items()},
        quarantined={name: {} for name in tables},
        versioned={name: name in versioned for name in tables},
        columns={
            name: tuple(c for c in CONTRACT[name].column_names if f"{name}.{c}" not in unmapped)
            for name in tables
        },
        first_day=min(days),
        last_day=max(days),
    )
    return Sources(connection, bound, info)


def company(connection: BaseBackend, folder: Path, n_accounts: int = 150) -> Sources:
    """Return the simulated company, taken in at the door: all ten tables."""
    raw = b2b.tables(connection, n_accounts=n_accounts, seed=9).tables
    ingest(raw, folder, connection=connection, world="b2b", currency="CNY", simulated=True)
    return open_sources(folder, connection)


def named(sources: Sources) -> Sources:
    """Give the tables the names the SQL uses; absent ones are empty there."""
    link = sources.connection
    for name in CONTRACT:
        table = sources.table(name)
        rows = arrow(name, []) if table is None else link.to_pyarrow(table)
        link.create_table(name, rows, overwrite=True)
    return replace(sources, tables={name: link.table(name) for name in sources.tables})


def order(customer: str, moment: datetime | str, amount: float | str, **more: object) -> Row:
    """Return one order line; its number is made from customer and time."""
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    if at.time() == time.min and not isinstance(moment, datetime):
        at = datetime.combine(at.date(), time(12))
    return {
        "order_id": f"{customer}/{at.isoformat()}",
        "customer_id": customer,
        "occurred_at": at,
        "net_amount": amount,
    } | more
