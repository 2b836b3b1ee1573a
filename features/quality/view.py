"""The sources as one snapshot sees them: what every query of the report starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.backends import drop, keep
from features.contract import CONTRACT, SourceTable
from features.snapshot import Snapshot
from features.sources import Sources
from features.visibility import numbered, visible
from features.windows import instant

_SERIAL = count()


@dataclass(frozen=True)
class View:
    """Visible rows by table: latest versions, what was not known yet masked to null.

    Attributes
    ----------
    tables
        Contract tables that exist, with all contract columns.
    """

    sources: Sources
    snapshot: Snapshot
    tables: Mapping[str, ir.Table]

    def run(self, expression: ir.Table) -> pa.Table:
        """Run a query."""
        result: pa.Table = self.sources.connection.to_pyarrow(expression)
        return result

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """Run a query with a small result."""
        found: list[dict[str, Any]] = self.run(expression).to_pylist()
        return found

    def given(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that the source gives."""
        return self.sources.info.columns.get(table, ())

    def age(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """Return the whole calendar days between a time and the snapshot's day."""
        return ibis.literal(self.snapshot.day, type="date").delta(moment.date(), unit="day")


@contextmanager
def opened(sources: Sources, snapshot: Snapshot) -> Iterator[View]:
    """Yield the view; a table with versions is sorted out once and kept until the end."""
    tables, kept = {}, []
    try:
        for name in (name for name in CONTRACT if name in sources.tables):
            rows = sources.tables[name]
            versioned = sources.info.versioned.get(name, False)
            seen = visible(numbered(rows, CONTRACT[name], [snapshot], versioned=versioned), 0)
            seen = _masked(seen, CONTRACT[name], snapshot)
            if versioned:
                relation = f"quality_{next(_SERIAL)}_{name}"
                keep(sources.connection, relation, seen)
                kept.append(relation)
                seen = sources.connection.table(relation)
            tables[name] = seen
        yield View(sources, snapshot, tables)
    finally:
        drop(sources.connection, views=[], tables=kept)


def _masked(rows: ir.Table, table: SourceTable, snapshot: Snapshot) -> ir.Table:
    masks = {
        column.name: ibis.ifelse(
            (rows[column.known_from] > instant(snapshot.as_of)).fill_null(False),
            ibis.null(rows[column.name].type()),
            rows[column.name],
        )
        for column in table.columns
        if column.known_from is not None
    }
    return rows.mutate(**masks) if masks else rows
