"""A customer's files and mappings in a folder, taken in through the real door."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.backends import connect
from features.mapping.systems import inflow, read_systems
from features.sources import SourceReport, ingest

Row = dict[str, Any]

ORDERS = """\
[orders]
file = "orders.csv"
columns = { order_id = "id", customer_id = "who", occurred_at = "at", net_amount = "sum" }
"""
HEADER = "id,who,at,sum"
PLAIN = f'world = "w"\ncurrency = "EUR"\n{ORDERS}'


def write(folder: Path, **files: str) -> None:
    """Write CSV files, by name without suffix; lines are separated by blanks or newlines."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text("\n".join(text.split()) + "\n", encoding="utf-8")


def take_in(
    folder: Path,
    *mappings: str,
    data: Sequence[Path | None] | None = None,
    out: str = "sources",
    threads: int = 1,
) -> SourceReport:
    """Ingest by mappings given as TOML; their files lie in ``folder`` by default."""
    paths = []
    for place, toml in enumerate(mappings):
        paths.append(folder / f"m{place}.toml")
        paths[-1].write_text(toml, encoding="utf-8")
    connection = connect(threads=threads)
    folders = [folder] * len(paths) if data is None else data
    with inflow(read_systems(paths), folders, connection) as given:
        return ingest(
            given.tables,
            folder / out,
            connection=connection,
            world=given.world,
            currency=given.currency,
            simulated=given.simulated,
            terms=given.terms,
        )


def accepted(folder: Path, table: str = "orders", out: str = "sources") -> list[Row]:
    """Return the accepted rows of a table."""
    rows: list[Row] = pq.read_table(folder / out / f"{table}.parquet").to_pylist()
    return rows


def refused(folder: Path, table: str = "orders", out: str = "sources") -> list[Row]:
    """Return the rows of a table in quarantine, the raw row read."""
    path = folder / out / "quarantine" / f"{table}.parquet"
    return [{**row, "row": json.loads(row["row"])} for row in pq.read_table(path).to_pylist()]


def by(rows: Sequence[Mapping[str, Any]], key: str, value: str) -> dict[Any, Any]:
    """Return one column of rows by another."""
    return {row[key]: row[value] for row in rows}
