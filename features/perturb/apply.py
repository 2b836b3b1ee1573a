"""Do a perturbation to the sources; everything stays lazy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT, DTYPES
from features.errors import DataError
from features.perturb.kinds import (
    DelayPayments,
    DropOrders,
    InflateOrders,
    LoseTable,
    Newcomers,
    Perturbation,
    PolicyShock,
    RaiseCosts,
    StaleTable,
)
from features.perturb.newcomers import with_newcomers
from features.perturb.rows import arrived, drawn, in_window, window_start
from features.snapshot import Snapshot
from features.visibility import latest
from features.windows import instant

if TYPE_CHECKING:
    from features.sources import Sources

_MONEY = DTYPES["money"]


def lacking(sources: Sources, perturbation: Perturbation) -> tuple[str, ...]:
    """Return what the sources lack for a perturbation: ``table`` or ``table.column``."""
    return tuple(
        need
        for need in perturbation.needs
        if sources.table(need.partition(".")[0]) is None or ("." in need and not sources.has(need))
    )


def perturb(sources: Sources, snapshot: Snapshot, perturbation: Perturbation) -> Sources:
    """Return a copy of the sources with the perturbation applied; still lazy.

    Raises
    ------
    DataError
        If a table or column it changes does not exist.
    """
    missing = lacking(sources, perturbation)
    if missing:
        kind = "column" if "." in missing[0] else "table"
        raise DataError(
            f"The sources have no {kind} {missing[0]!r} to perturb.",
            hint="Leave this scenario out for this world.",
            missing=list(missing),
            world=sources.info.world,
        )
    match perturbation:
        case LoseTable():
            return _without(sources, perturbation.table)
        case StaleTable():
            moment = snapshot.as_of - timedelta(days=perturbation.days)
            name = perturbation.table
            return sources.replace(**{name: arrived(sources.tables[name], name, moment)})
        case Newcomers(share=share, window_days=days):
            return sources.replace(**with_newcomers(sources, snapshot, share, days))
        case _:
            return sources.replace(**_changed(sources, snapshot, perturbation))


def _changed(sources: Sources, snapshot: Snapshot, p: Perturbation) -> Mapping[str, ir.Table]:
    match p:
        case DropOrders():
            orders = sources.tables["orders"]
            return {"orders": orders.filter(~_hit(orders, snapshot, p, p.share))}
        case DelayPayments():
            return {"invoices": _delayed(sources.tables["invoices"], snapshot, p)}
        case RaiseCosts():
            return {"orders": _dearer(sources.tables["orders"], snapshot, p)}
        case PolicyShock():
            return _under_policy(sources, snapshot, p)
        case InflateOrders():
            return {"orders": _inflated(sources.tables["orders"], snapshot, p)}
    raise TypeError(f"No way to perturb by {p!r}.")


def _hit(orders: ir.Table, snapshot: Snapshot, p: Perturbation, share: float) -> ir.BooleanValue:
    return in_window(orders, snapshot, p.window_days) & drawn(orders, share, p.seed)


def _delayed(invoices: ir.Table, snapshot: Snapshot, p: DelayPayments) -> ir.Table:
    later = invoices.paid_at + ibis.interval(days=p.days)
    touched = in_window(invoices, snapshot, p.window_days)
    return invoices.mutate(paid_at=ibis.ifelse(touched, later, invoices.paid_at))


def _dearer(orders: ir.Table, snapshot: Snapshot, p: RaiseCosts) -> ir.Table:
    touched = in_window(orders, snapshot, p.window_days)
    more = orders.cost * _exact(p.rise * p.material_share)
    passed = more * _exact(p.pass_through)
    changed = orders.mutate(
        cost=_if(touched, orders.cost + more, orders.cost),
        net_amount=_if(touched, orders.net_amount + passed.fill_null(0), orders.net_amount),
    )
    return changed.filter(~_hit(changed, snapshot, p, p.lost_share))


def _inflated(orders: ir.Table, snapshot: Snapshot, p: InflateOrders) -> ir.Table:
    hit = _hit(orders, snapshot, p, p.share)
    factor = _exact(p.factor)
    money = CONTRACT["orders"].of_kind("money")
    return orders.mutate(**{name: _if(hit, orders[name] * factor, orders[name]) for name in money})


def _under_policy(sources: Sources, snapshot: Snapshot, p: PolicyShock) -> Mapping[str, ir.Table]:
    customers = arrived(sources.tables["customers"], "customers", snapshot.known_at)
    if sources.info.versioned.get("customers", False):
        customers = latest(customers, ("customer_id",), ("recorded_at",))
    industry = _industry(customers, p)
    members = customers.semi_join(industry, "industry").select("customer_id").distinct()
    orders = sources.tables["orders"]
    # A column of its own rather than two tables: each order is read once.
    marked = orders.left_join(members.mutate(member__=ibis.literal(True)), "customer_id")
    marked = marked.select(*orders.columns, "member__")
    hit = marked.member__.fill_null(False) & _hit(marked, snapshot, p, p.share)
    changed = {"orders": marked.filter(~hit).drop("member__")}
    market = sources.table("market")
    if market is None:
        return changed
    begun = instant(window_start(snapshot, p.window_days))
    policy = {
        "kind": ibis.literal("policy"),
        "occurred_at": begun,
        "recorded_at": begun,
        "value": ibis.literal(p.impact),
    }
    types = market.schema()
    event = industry.mutate(**policy).select(
        **{name: ibis._[name].cast(types[name]) for name in market.columns}
    )
    return {**changed, "market": market.union(event)}


def _industry(customers: ir.Table, p: PolicyShock) -> ir.Table:
    """Return the one industry that is hit, as a table of one row."""
    known = customers.filter(customers.industry.notnull())
    if p.industry:
        return known.filter(known.industry == p.industry).select("industry").distinct()
    sizes = known.group_by("industry").aggregate(members=known.count())
    return sizes.order_by([ibis.desc("members"), "industry"]).limit(1).select("industry")


def _without(sources: Sources, name: str) -> Sources:
    info = sources.info
    columns = {table: names for table, names in info.columns.items() if table != name}
    tables = {table: rows for table, rows in sources.tables.items() if table != name}
    return replace(sources, tables=tables, info=replace(info, columns=columns))


def _exact(number: float) -> ir.DecimalScalar:
    """Return a factor as a decimal: money times a double would depend on the engine."""
    return ibis.literal(Decimal(str(round(number, 4))), "decimal(12, 4)")


def _if(condition: ir.BooleanValue, then: ir.Value, otherwise: ir.Value) -> ir.Value:
    return ibis.ifelse(condition, then.cast(_MONEY), otherwise)
