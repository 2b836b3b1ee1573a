"""Which rows a perturbation touches, and what had arrived by a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.snapshot import Snapshot
from features.windows import instant

_HASH_DIGITS = 8


def in_window(rows: ir.Table, snapshot: Snapshot, window_days: int | None) -> ir.BooleanValue:
    """Say which rows happened in the window that ends with the snapshot's day."""
    if window_days is None:
        return ibis.literal(True)
    occurred = rows.occurred_at
    first = window_start(snapshot, window_days)
    return (occurred > instant(first)) & (occurred <= instant(snapshot.as_of))


def window_start(snapshot: Snapshot, window_days: int) -> datetime:
    """Return the last instant before the window."""
    return snapshot.as_of - timedelta(days=window_days)


def drawn(orders: ir.Table, share: float, seed: int) -> ir.BooleanValue:
    """Say which orders a share takes; all lines of an order share its fate."""
    # A cryptographic hash of the order number: the same on every engine and version.
    digest = (orders.order_id + f":{seed}").hexdigest("sha256").lower()[:_HASH_DIGITS]
    limit = round(share * 16**_HASH_DIGITS)
    if limit == 16**_HASH_DIGITS:
        return ibis.literal(True)
    taken: ir.BooleanValue = digest < f"{limit:0{_HASH_DIGITS}x}"
    return taken


def arrived(rows: ir.Table, name: str, moment: datetime) -> ir.Table:
    """Return a contract table as it had arrived by a moment.

    Rows recorded or happening later are left out; of the others, what became known later is
    unknown. A row without a time is a fact without a date and stays.
    """
    table = CONTRACT[name]
    by_then = instant(moment)
    kept = rows.filter(
        (rows[table.event_time] <= by_then).fill_null(True),
        (rows.recorded_at <= by_then).fill_null(True),
    )
    hidden = {
        column.name: ibis.ifelse(
            (kept[column.known_from] > by_then).fill_null(False),
            ibis.null(kept[column.name].type()),
            kept[column.name],
        )
        for column in table.columns
        if column.known_from is not None
    }
    return kept.mutate(**hidden) if hidden else kept
