"""Totals that must agree: what the source holds = what was accepted + what was refused.

The source is read a second time for its totals, and the two sides are summed from the
files as they were written, so that nothing between the two can lose a row or a penny.
Amounts are decimals throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.contract import SourceTable
from features.door.casting import cast, filled, present
from features.errors import DataError

ROWS = "rows"
"""Name of the total that counts rows."""


@dataclass(frozen=True, slots=True)
class Totals:
    """One total of one table: of amounts that can be read, of rows, or of rows marked true.

    Attributes
    ----------
    source
        Over all rows of the source.
    accepted, refused
        Over the rows of the folder, and over those of its quarantine.
    """

    source: Decimal
    accepted: Decimal
    refused: Decimal

    def agrees(self) -> bool:
        """Tell whether nothing is missing and nothing is there twice."""
        return self.source == self.accepted + self.refused


def summed(table: SourceTable, given: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table whose totals are kept: given money and booleans."""
    kept = (*table.of_kind("money"), *table.of_kind("boolean"))
    return tuple(name for name in table.column_names if name in kept and name in given)


def source_totals(
    parts: Sequence[ir.Table], table: SourceTable, connection: BaseBackend
) -> dict[str, Decimal]:
    """Return the totals of raw tables, of the values that can be read."""
    columns = {column.name: column for column in table.columns}
    totals: dict[str, Decimal] = {}
    for raw in parts:
        names = summed(table, raw.columns)
        rows = raw.select(
            **{n: filled(cast(present(raw[n]), columns[n]), columns[n]) for n in names},
            counted=ibis.literal(1),
        )
        for name, total in written_totals(rows, names, connection).items():
            totals[name] = totals.get(name, Decimal(0)) + total
    return totals


def written_totals(
    rows: ir.Table, names: Sequence[str], connection: BaseBackend
) -> dict[str, Decimal]:
    """Return the number of rows and the sum of each column, booleans counted where true."""
    sums = {n: rows[n].cast("int64").sum() if rows[n].type().is_boolean() else rows[n].sum()
            for n in names}  # fmt: skip
    found: dict[str, Any] = connection.to_pyarrow(
        rows.aggregate(**{ROWS: rows.count()}, **sums)
    ).to_pylist()[0]
    return {name: Decimal(value or 0) for name, value in found.items()}


def reconcile(
    table: str,
    source: Mapping[str, Decimal],
    accepted: Mapping[str, Decimal],
    refused: Mapping[str, Decimal],
) -> dict[str, Totals]:
    """Set the totals of one table side by side.

    Raises
    ------
    DataError
        If any of them does not agree.
    """
    nothing = Decimal(0)
    totals = {
        name: Totals(source[name], accepted.get(name, nothing), refused.get(name, nothing))
        for name in source
    }
    wrong = {name: t for name, t in totals.items() if not t.agrees()}
    if wrong:
        told = "; ".join(
            f"{name}: source {t.source:,}, accepted {t.accepted:,}, refused {t.refused:,}"
            for name, t in wrong.items()
        )
        raise DataError(
            f"{table}: the totals do not agree: {told}.",
            hint="Do not change the source while it is read; if it did not change, report this.",
            table=table,
            columns=sorted(wrong),
        )
    return totals
