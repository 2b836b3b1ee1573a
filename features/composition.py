"""The tables of a snapshot, put together from the relations of a history it looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis.expr.types as ir

from features.contract import CONTRACT
from features.ledger import categories, gaps, purchase_steps
from features.receivables import receivables
from features.snapshot import SnapshotTables
from features.totals import lived, spine, totals, windows, year_before

Lay = Callable[[str, ir.Table], ir.Table]
"""Takes rows that many indicators read, with a name, and returns where to read them."""


def snapshot_tables(
    seen: Mapping[str, ir.Table],
    mapped: frozenset[str],
    *,
    versioned: bool,
    lay: Lay | None = None,
) -> SnapshotTables:
    """Return what dimensions look at.

    Parameters
    ----------
    seen
        What the snapshot sees of each fold and each table.
    mapped
        Contract columns the source really has.
    versioned
        Whether order lines may occur in several versions.
    lay
        Called for the rows that are costly to make and read by many; None leaves them lazy.
    """
    ledger = seen["ledger"]
    spined = spine(*_lives(seen, versioned=versioned))
    put = lay if lay is not None else _where_they_are
    added = put("windows", windows(ledger))
    # Without versions the lives tell the intervals of all but a few customers.
    between = gaps(purchase_steps(ledger if versioned else seen["unsteady"]))
    summed = put("totals", totals(spined, between, added, year_before(ledger)))
    owed = put("receivables", receivables(seen["invoices"])) if "invoices" in seen else None
    return SnapshotTables(
        mapped=mapped,
        several=ledger if versioned else seen["several"],
        categories=put("categories", categories(seen["lines"])),
        first_categories=seen["firsts"],
        spine=spined
        if lay is None
        else summed.select(*(n for n in spined.columns if n in summed.columns)),
        windows=added,
        totals=summed,
        receivables=owed,
        **{name: seen[name] for name in CONTRACT if name in seen},
    )


def _lives(seen: Mapping[str, ir.Table], *, versioned: bool) -> tuple[ir.Table, ir.Table]:
    return lived(seen["ledger"]) if versioned else (seen["lives"], seen["beginnings"])


def _where_they_are(_name: str, rows: ir.Table) -> ir.Table:
    return rows
