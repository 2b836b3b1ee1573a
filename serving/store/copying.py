"""All rows of a store as portable lines, of one moment, and back: SQLite and PostgreSQL alike.

A table is a file of JSON lines: the names of its columns, then a line a row. Every value is as
the store holds it: JSON columns letter by letter, floats to the last bit, bytes in base64, days
and instants as SQLite writes them. So what is hashed over rows is the same on both engines.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, func, inspect, select, text
from sqlalchemy.orm import Session

from serving.store.engines import unbounded
from serving.store.loading import load
from serving.store.raw import columns_of

CHUNK = 1_000
_REVISIONS = "alembic_version"

Rows = Mapping[str, Path]
Change = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Of a table's name and a row: the row to write, or None to leave it out."""


def dump(session: Session, folder: Path, change: Change | None = None) -> dict[str, int]:
    """Write every table into a folder, as of the session's moment; return the rows of each.

    Parameters
    ----------
    change
        What is written instead of each row; by default the row itself.
    """
    unbounded(session.connection())
    counts: dict[str, int] = {}
    for table in _tables(session):
        columns = columns_of(table, session.get_bind().dialect.name)
        names = [column.name for column in columns]
        wanted = select(*columns).order_by(*table.primary_key.columns)
        with (
            (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as file,
            session.execute(wanted.execution_options(yield_per=CHUNK)) as found,
        ):
            file.write(json.dumps(names) + "\n")
            count = 0
            for row in found:
                values: dict[str, Any] | None = dict(zip(names, row, strict=True))
                if change is not None:
                    values = change(table.name, values or {})
                if values is not None:
                    count += 1
                    line = [_written(values[name]) for name in names]
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
        counts[table.name] = count
    return counts


def fill(session: Session, folder: Path) -> None:
    """Put the rows of a folder into the empty tables of a store, in the session's transaction."""
    unbounded(session.connection())
    for table in _tables(session):
        path = folder / f"{table.name}.jsonl"
        if not path.is_file():
            continue
        names, rows = read_rows(path)
        while part := list(islice(rows, CHUNK)):
            load(session, f'"{table.name}"', names, [tuple(row.values()) for row in part])
        if session.get_bind().dialect.name == "postgresql":
            _count_on(session, table)


def read_rows(path: Path) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Return the columns and the rows of one file."""

    def rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        with file:
            for line in lines:
                yield dict(zip(names, map(_read, json.loads(line)), strict=True))

    file = path.open(encoding="utf-8")
    names: list[str] = json.loads(next(file))
    return names, rows(file)


def is_empty(session: Session) -> bool:
    """Tell whether a database has no table at all."""
    return not inspect(session.connection()).get_table_names()


def _tables(session: Session) -> list[Any]:
    present = MetaData()
    present.reflect(session.connection())
    return [table for table in present.sorted_tables if table.name != _REVISIONS]


def _count_on(session: Session, table: Any) -> None:
    """Let numbers that PostgreSQL gives go on behind those that were put in."""
    for column in table.primary_key.columns:
        named = text("SELECT pg_get_serial_sequence(:table, :column)")
        given = {"table": f'"{table.name}"', "column": column.name}
        sequence = session.scalar(named, given)
        last = session.scalar(select(func.max(column))) if sequence else None
        if last is not None:
            session.execute(text("SELECT setval(:name, :last)"), {"name": sequence, "last": last})


def _written(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"
    return value.isoformat() if isinstance(value, date) else value


def _read(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
