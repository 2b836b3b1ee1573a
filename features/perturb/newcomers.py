"""Simulated newcomers: the first days of recent customers, copied and moved to the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.ledger import day_number, number_of
from features.perturb.rows import arrived
from features.snapshot import Snapshot

if TYPE_CHECKING:
    from features.sources import Sources

PREFIX = "simulated-newcomer/"
"""What the ids of newcomers, and of all their records, begin with."""

_LINKS = ("referrer_id",)  # a newcomer must not change what is known of others


def with_newcomers(
    sources: Sources, snapshot: Snapshot, share: float, window_days: int
) -> dict[str, ir.Table]:
    """Return the tables that have a customer, each with the newcomers' rows added."""
    moves = _moves(sources, snapshot, share, window_days)
    return {
        name: rows.union(_copied(rows, name, moves, snapshot))
        for name, rows in sources.tables.items()
        if CONTRACT[name].has_customer
    }


def _moves(sources: Sources, snapshot: Snapshot, share: float, window_days: int) -> ir.Table:
    """Return ``customer_id`` of the latest customers and ``move``, days to shift their rows by."""
    orders = arrived(sources.tables["orders"], "orders", snapshot.as_of)
    bought = orders.filter(
        ~orders.is_cancelled.fill_null(False), ~orders.is_return.fill_null(False)
    )
    firsts = bought.group_by("customer_id").aggregate(first=day_number(bought.occurred_at).min())
    latest_first = ibis.row_number().over(order_by=[ibis.desc("first"), "customer_id"])
    # The place spreads the first orders evenly over the window, whatever the order of rows.
    ranked = firsts.mutate(place=latest_first, all=firsts.count().over())
    chosen = ranked.filter(ranked.place < ranked["all"] * share)
    arrival = ibis.literal(number_of(snapshot.day), "int64") - chosen.place % window_days
    return chosen.select("customer_id", move=(arrival - chosen["first"]).cast("int32"))


def _copied(rows: ir.Table, name: str, moves: ir.Table, snapshot: Snapshot) -> ir.Table:
    table = CONTRACT[name]
    # Cut before the move: a shift back in time must not bring in what is yet to happen.
    known = arrived(rows, name, snapshot.as_of)
    copies = known.inner_join(moves, "customer_id")
    shift = copies.move.as_interval("D")
    changed: dict[str, ir.Value] = {}
    for column in table.columns:
        cell = copies[column.name]
        if column.name in {*table.key, "customer_id"} and column.kind == "text":
            changed[column.name] = ibis.literal(PREFIX) + cell
        elif column.pii or column.name in _LINKS:
            changed[column.name] = ibis.null(cell.type())
        elif column.kind == "timestamp":
            changed[column.name] = (cell + shift).cast(rows[column.name].type())
        else:
            changed[column.name] = cell
    return copies.select(**{column: changed[column] for column in rows.columns})
