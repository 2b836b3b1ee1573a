"""A snapshot as many narrow queries whose columns are laid side by side.

Joined in one query, the pieces of a hundred indicators are carried through some thirty joins
and a sort, which costs more than to compute them. Customers are whole numbers, so a column
finds its rows by its place in an array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.backends import Session, compiled
from features.frame import DIMENSIONS
from features.history import History, Turn
from features.schema import CATALOGUE

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
    zeros
        Indicators whose missing value is 0.
    """

    laid: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    zeros: frozenset[str]

    def turned(self, turn: Turn) -> Pattern:
        """Return the pattern with all of its SQL changed, for another snapshot."""
        return replace(
            self,
            laid={turn(name): turn(sql) for name, sql in self.laid.items()},
            pieces={turn(sql): columns for sql, columns in self.pieces.items()},
        )


def pattern(history: History) -> Pattern:
    """Write the SQL of the present snapshot of a history in pieces."""
    link = history.connection
    tables, laid = history.laid()
    pieces: dict[str, tuple[str, ...]] = {}
    zeros: set[str] = set()
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
    return Pattern(laid, pieces, frozenset(zeros))


def _measured(part: ir.Table) -> ir.Table:
    columns = {c: part[c].cast("float64") for c in part.columns if c in CATALOGUE}
    return part.select("customer_id", **columns)


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
    spine: np.ndarray[tuple[int], np.dtype[np.int32]] | None = None
    for sql, columns in pattern.pieces.items():
        piece = session.rows(sql).combine_chunks()
        codes = piece["customer_id"].to_numpy()
        if spine is None:
            spine = np.sort(codes)
            found["customer_id"] = customers.take(pa.array(spine))
        places = np.full(len(customers), -1, dtype=np.int32)
        places[codes] = np.arange(len(codes), dtype=np.int32)
        where = places[spine]
        taken = piece.select(columns).take(pa.array(where, mask=where < 0))
        found |= zip(columns, taken.columns, strict=True)
    assert spine is not None  # every dimension has a piece
    nothing = pa.nulls(len(spine), pa.float64())
    whole = {"customer_id": found["customer_id"]}
    for name in CATALOGUE:
        column = found.get(name, nothing)
        whole[name] = pc.fill_null(column, 0.0) if name in pattern.zeros else column
    return pa.table(whole)
