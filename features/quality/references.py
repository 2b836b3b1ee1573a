"""Rows that point nowhere: unknown customers, unknown referrers, unmatched industries."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.contract import CONTRACT
from features.quality.customers import Customers
from features.quality.report import MarketMatch, References
from features.quality.view import View


def references(view: View, who: Customers) -> dict[str, References]:
    """Count the rows of each table that point nowhere."""
    known = pa.table(
        {
            "customer_id": who.table["customer_id"],
            "listed": pa.array(who.listed),
            "buyer": pa.array(who.has["order"]),
        }
    )
    return {name: _references(view, name, known) for name in view.tables}


def market_match(view: View) -> MarketMatch:
    """Return the industries of the market that no customer has, and the other way round."""
    if "market" not in view.tables or "customers" not in view.tables:
        return MarketMatch()
    sides = []
    for name in ("market", "customers"):
        rows = view.tables[name].select("industry").distinct()
        sides.append({row["industry"] for row in view.rows(rows.filter(rows.industry.notnull()))})
    market, customers = sides
    return MarketMatch(tuple(sorted(market - customers)), tuple(sorted(customers - market)))


def _references(view: View, name: str, known: pa.Table) -> References:
    if not CONTRACT[name].has_customer:
        return References()
    rows, customers = view.tables[name], ibis.memtable(known)
    per_customer = rows.group_by("customer_id").aggregate(n=rows.count())
    found = per_customer.left_join(customers, "customer_id")
    counted = found.aggregate(
        unlisted=found.n.sum(where=~found.listed.fill_null(False)),
        without_orders=found.n.sum(where=~found.buyer.fill_null(False)),
    )
    unlisted, without_orders = (value or 0 for value in view.rows(counted)[0].values())
    if "customers" not in view.tables:
        return References(without_orders=without_orders, orphans=without_orders)
    dangling = _dangling(view, customers) if name == "customers" else 0
    return References(unlisted, without_orders, unlisted + dangling, dangling)


def _dangling(view: View, known: ir.Table) -> int:
    """Count the customers whose referrer is neither listed nor a buyer."""
    rows = view.tables["customers"]
    referred = rows.filter(rows.referrer_id.notnull())
    strange = referred.anti_join(known, referred.referrer_id == known.customer_id)
    return int(view.rows(strange.aggregate(n=strange.count()))[0]["n"])
