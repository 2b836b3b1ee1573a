"""The ingested sources: lazy tables that meet the contract, and what is known of them.

:data:`CONTRACT` says what the tables hold, :func:`ingest` writes a folder of them,
:func:`open_sources` reads one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.backends import connect
from features.contract import CONTRACT, REASONS, Column, SourceTable
from features.door.ingest import Progress, ingest
from features.door.source_info import SourceInfo
from features.door.source_report import SourceReport
from features.errors import ContractError, SourceNotFoundError

__all__ = [
    "CONTRACT",
    "REASONS",
    "Column",
    "Progress",
    "SourceInfo",
    "SourceReport",
    "SourceTable",
    "Sources",
    "ingest",
    "open_sources",
]


@dataclass(frozen=True)
class Sources:
    """Lazy source tables on one connection.

    Attributes
    ----------
    connection
        What the tables are bound to.
    tables
        The tables that exist, by contract name; each has all its contract columns.
    info
        What ``sources.json`` says.
    """

    connection: BaseBackend
    tables: Mapping[str, ir.Table]
    info: SourceInfo

    def table(self, name: str) -> ir.Table | None:
        """Return a table, or None where the source does not exist."""
        return self.tables.get(name)

    def has(self, column: str) -> bool:
        """Tell whether a column (``"orders.cost"``) was given and holds information."""
        table, _, name = column.partition(".")
        return name in self.info.columns.get(table, ())

    def mapped(self) -> frozenset[str]:
        """Return all columns of which :meth:`has` is true."""
        columns = (f"{table}.{name}" for table in CONTRACT for name in CONTRACT[table].column_names)
        return frozenset(filter(self.has, columns))

    def replace(self, **tables: ir.Table) -> Sources:
        """Return a copy with some of its tables swapped for others.

        Raises
        ------
        ContractError
            If a table is not among the sources, or lacks contract columns.
        """
        for name, table in tables.items():
            if name not in self.tables:
                raise ContractError(
                    f"There is no source table {name!r} to replace.",
                    hint=f"The sources have: {', '.join(self.tables)}.",
                    table=name,
                )
            missing = set(CONTRACT[name].column_names) - set(table.columns)
            if missing:
                raise ContractError(
                    f"{name}: the replacement lacks {', '.join(sorted(missing))}.",
                    hint="Keep all contract columns.",
                    table=name,
                    columns=sorted(missing),
                )
        return replace(self, tables={**self.tables, **tables})


def open_sources(out_dir: Path, connection: BaseBackend | None = None) -> Sources:
    """Open a folder of ingested sources; nothing is read until a query runs.

    Raises
    ------
    SourceNotFoundError
        If the folder, its ``sources.json`` or one of the tables it names is not there.
    DataError
        If ``sources.json`` is damaged.
    """
    info = SourceInfo.load(out_dir)
    link = connection if connection is not None else connect()
    tables = {}
    for name in info.rows:
        path = out_dir / f"{name}.parquet"
        if not path.is_file():
            raise SourceNotFoundError(
                f"The table {name!r} of {out_dir} is missing.",
                hint="Run `tierwise features ingest` again.",
                path=str(path),
            )
        tables[name] = link.read_parquet(path)
    return Sources(link, tables, info)
