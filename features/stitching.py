"""A snapshot as many narrow queries whose columns are laid side by side.

Joined in one query, the pieces of a hundred indicators are carried through some thirty joins
and a sort, which costs more than to compute them. Customers are whole numbers, so a column
finds its rows by its place in an array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.backends import Session, compiled
from features.frame import DIMENSIONS
from features.history import History, Turn
from features.schema import CATALOGUE
from features.windows import window_days

LIMIT = 400_000
"""Customers up to which a snapshot is stitched: it is held in memory, a kilobyte for each."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The SQL of a snapshot in pieces.

    Attributes
    ----------
    laid
        Relations that several pieces read, by name, in the order in which to make them.
    pieces
        SQL of each piece, with the catalogue columns taken from it; the first, of value,
        has all customers of the snapshot.
    assessed
        SQL of the assessments that count, with the indicators which are the value of one:
        unlike a piece it has many rows of a customer, one of a kind.
    zeros
        Indicators whose missing value is 0.
    """

    laid: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    assessed: tuple[str, tuple[str, ...]] | None
    zeros: frozenset[str]

    def turned(self, turn: Turn) -> Pattern:
        """Return the pattern with all of its SQL changed, for another snapshot."""
        return replace(
            self,
            laid={turn(name): turn(sql) for name, sql in self.laid.items()},
            pieces={turn(sql): columns for sql, columns in self.pieces.items()},
            assessed=self.assessed and (turn(self.assessed[0]), self.assessed[1]),
        )


def pattern(history: History) -> Pattern:
    """Write the SQL of the present snapshot of a history in pieces."""
    link = history.connection
    tables, laid = history.laid()
    pieces: dict[str, tuple[str, ...]] = {}
    zeros: set[str] = set()
    assessed: list[str] = []
    for dimension in DIMENSIONS.values():
        assembly = dimension(tables)
        zeros |= assembly.zeros
        missing = set(assembly.columns) - assembly.unmapped
        for part in (assembly.whole, *assembly.parts):
            # Dimensions that share a part write the same SQL for it, which then runs once.
            sql = compiled(link, _measured(part))
            taken = tuple(name for name in part.columns if name in missing)
            if taken:  # nobody runs a piece of which the source maps nothing
                missing.difference_update(taken)
                pieces[sql] = (*pieces.get(sql, ()), *taken)
        if assembly.assessments is not None:
            assessed += [n for n in assembly.columns if n in missing and CATALOGUE[n].assessment]
    rows = tables.assessments
    latest = None if rows is None else (compiled(link, _assessed(rows)), tuple(assessed))
    return Pattern(laid, pieces, latest, frozenset(zeros))


def _measured(part: ir.Table) -> ir.Table:
    columns = {c: part[c].cast("float64") for c in part.columns if c in CATALOGUE}
    return part.select("customer_id", **columns)


def _kinds() -> dict[str, int]:
    kinds = sorted({i.assessment for i in CATALOGUE.values() if i.assessment is not None})
    return {kind: number for number, kind in enumerate(kinds)}


def _assessed(rows: ir.Table) -> ir.Table:
    """Return ``customer_id``, ``value``, ``age`` and ``number``, that of the kind.

    As :func:`features.dimensions.assemble.latest_assessments`, without eighteen sums over rows
    of which each belongs to one: a snapshot sees one assessment of a customer and kind.
    """
    kinds = _kinds()
    rows = rows.filter(rows.kind.isin(list(kinds)))
    number = rows.kind.cases(*kinds.items()).cast("int32")
    return rows.select("customer_id", "age", value=rows["value"].cast("float64"), number=number)


def stitched(pattern: Pattern, customers: pa.Array, session: Session) -> pa.Table:
    """Run the pieces, and return what :func:`features.frame.indicator_frame` tells.

    Parameters
    ----------
    customers
        The ids of all customers of the history, in the order of their numbers.
    """
    for name, sql in pattern.laid.items():
        session.lay(name, sql)
    found: dict[str, pa.Array] = {}
    loom: _Loom | None = None
    for sql, columns in pattern.pieces.items():
        piece = session.rows(sql).combine_chunks()
        codes = piece["customer_id"].to_numpy()
        if loom is None:
            loom = _Loom(np.sort(codes), len(customers))
        taken = piece.select(list(columns)).take(loom.where(codes, np.arange(len(codes))))
        found |= zip(columns, taken.columns, strict=True)
    assert loom is not None  # value has a piece whatever is mapped
    if pattern.assessed is not None:
        found |= _latest(session.rows(pattern.assessed[0]), pattern.assessed[1], loom)
    nothing = pa.nulls(len(loom.spine), pa.float64())
    whole = {"customer_id": customers.take(pa.array(loom.spine))}
    for name in CATALOGUE:
        column = found.get(name, nothing)
        whole[name] = pc.fill_null(column, 0.0) if name in pattern.zeros else column
    return pa.table(whole)


def _latest(rows: pa.Table, names: Sequence[str], loom: _Loom) -> dict[str, pa.Array]:
    rows, kinds, found = rows.combine_chunks(), _kinds(), {}
    codes, numbers, ages = (rows[name].to_numpy() for name in ("customer_id", "number", "age"))
    for name in names:
        indicator = CATALOGUE[name]
        counts = numbers == kinds[str(indicator.assessment)]
        counts &= ages < window_days(indicator.window)
        chosen = np.flatnonzero(counts)
        found[name] = rows["value"].take(loom.where(codes[chosen], chosen))
    return found


@dataclass(frozen=True, slots=True)
class _Loom:
    """Lays columns into place: ``spine``, the numbers of the customers of a snapshot, sorted."""

    spine: npt.NDArray[np.int32]
    customers: int

    def where(self, codes: npt.NDArray[np.int32], rows: npt.NDArray[np.intp]) -> pa.Array:
        """Return, for each customer of the spine, which of the rows is his; null for none."""
        places = np.full(self.customers, -1, dtype=np.int64)
        places[codes] = rows
        where = places[self.spine]
        return pa.array(where, mask=where < 0)
