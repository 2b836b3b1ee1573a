"""The tables of a snapshot, put together from the relations of a history it looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis.expr.types as ir

from features.contract import CONTRACT
from features.ledger import categories, gaps, purchase_steps, steady_gaps
from features.receivables import receivables
from features.snapshot import SnapshotTables
from features.totals import lived, spine, totals, windows

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
        What the snapshot sees of each fold and each table, and the customers of
        :func:`features.ledger.out_of_order` as ``restless``.
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
    summed = put("totals", totals(spined, _gaps(seen, versioned=versioned), added))
    owed = put("receivables", receivables(seen["invoices"])) if "invoices" in seen else None
    return SnapshotTables(
        mapped=mapped,
        several=ledger if versioned else seen["several"],
        lines=seen["lines"],
        categories=put("categories", categories(seen["lines"])),
        first_categories=seen["firsts"],
        spine=spined if lay is None else summed.select(*spined.columns),
        windows=added,
        totals=summed,
        receivables=owed,
        **{name: seen[name] for name in CONTRACT if name in seen},
    )


def _lives(seen: Mapping[str, ir.Table], *, versioned: bool) -> tuple[ir.Table, ir.Table]:
    return lived(seen["ledger"]) if versioned else (seen["lives"], seen["beginnings"])


def _gaps(seen: Mapping[str, ir.Table], *, versioned: bool) -> ir.Table:
    if versioned:
        return gaps(purchase_steps(seen["ledger"]))
    moving = seen["ledger"].semi_join(seen["restless"], "customer_id")
    return steady_gaps(seen["lives"], seen["steps"], gaps(purchase_steps(moving)))


def _where_they_are(_name: str, rows: ir.Table) -> ir.Table:
    return rows
