"""Value: what the customer is worth today (requirements #14, #15, #16, #24, #26, #113)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.dimensions.assemble import Assembly, assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.totals import net_between
from features.windows import aged, positive, ratio

CAPITAL_COST_RATE = 0.08
"""Yearly cost of the money that waits in receivables: a bank's rate for working capital
plus a margin. A company that pays more sees customers who pay late come out too well."""

_JOINED = {
    "service": "decimal(38, 4)",
    "dso_days_365d": "float64",
    "acquisition_cost": "decimal(18, 4)",
}
"""What other tables than orders add, null where the source lacks the table."""


def value(tables: SnapshotTables) -> Assembly:
    """Return the value indicators, one row a customer.

    Profit is the net amount of the lines whose cost is known, minus that cost, minus the
    rebates; discounts have left the net amount already. A source that grants no rebates
    says so with a constant 0 in its mapping.

    ``net_amount_{30,90,180,365}d``
        Net amount of all lines in the window; returns count negatively.
    ``net_amount_total``
        Net amount of all visible lines.
    ``order_days_365d``
        Purchase days in the window.
    ``average_order_value_365d``
        ``net_amount_365d / order_days_365d``; unknown without a purchase day.
    ``discount_rate_365d``
        Discount over net amount plus discount, over the lines of the window that are
        not returns; a line without discount has 0; unknown where that list price is
        not positive; cut to 0..1.
    ``gross_margin_rate_365d``
        (net - cost) / net over the lines of the window whose cost is known, returns
        included; unknown where that net is not positive; cut to -1..1.
    ``repeat_order_value_mean``
        Mean over the purchase days after the first of that day's net amount of lines
        that are not returns; unknown without a second purchase day.
    ``rebate_rate_365d``
        Rebate over net amount of the lines of the window that are not returns; a line
        without rebate has 0; unknown where that amount is not positive; cut to 0..1.
    ``profit_contribution_rate_365d``
        Profit of the window over its net amount with known cost; unknown where that is
        not positive; cut to -1..1.
    ``profit_share_365d``
        Profit of the window over the sum of the positive profits of all customers: 0 for
        a loss and where nothing was bought; unknown where the window has a net amount
        but no cost, and for everybody where nobody earns a profit.
    ``service_cost_rate_365d``
        Service cost of the tickets resolved in the window over ``net_amount_365d``; a
        ticket without a cost has 0; unknown where that amount is not positive; cut to
        0..1.
    ``contribution_365d``
        Profit of the window minus the service cost of the tickets resolved in it, minus
        what its receivables cost to carry: ``net_amount_365d`` where positive, for
        ``dso_days_365d / 365`` of a year (0 without an invoice) at ``CAPITAL_COST_RATE``;
        unknown where the window has a net amount but no cost.
    ``acquisition_cost``
        As the source states it.
    ``acquisition_payback_ratio``
        Net minus cost of all visible lines whose cost is known over the acquisition cost,
        at least 0; unknown where there is a net amount but no cost, or where the
        acquisition cost is not positive.
    """
    facts = _facts(tables)
    columns = _spend(facts) | _profit(facts) | _burden(facts)
    return assemble(tables, Dimension.VALUE, facts.select("customer_id", **columns))


def _facts(tables: SnapshotTables) -> ir.Table:
    """Return all that the indicators are made of, one row a customer."""
    gained = _profit_of(tables.windows)
    total = tables.windows.aggregate(profit_of_all=gained.sum(where=gained > 0))
    facts = tables.totals.cross_join(total)
    facts = facts.mutate(net=net_between(facts, 0, 365), profit=_profit_of(facts))
    if tables.tickets is not None:
        facts = facts.left_join(_service(tables.tickets), "customer_id", rname="{name}_served")
    if tables.receivables is not None:
        owed = tables.receivables.select("customer_id", "dso_days_365d")
        facts = facts.left_join(owed, "customer_id", rname="{name}_invoiced")
    if tables.customers is not None:
        won = tables.customers.select("customer_id", "acquisition_cost")
        facts = facts.left_join(won, "customer_id", rname="{name}_won")
    absent = {name: ibis.null(kind) for name, kind in _JOINED.items() if name not in facts.columns}
    return facts.mutate(**absent) if absent else facts


def _profit_of(sums: ir.Table) -> ir.DecimalValue:
    profit = sums.costed - sums.cost - sums.rebate
    return where_costed(profit, net_between(sums, 0, 365), sums.costed, sums.cost)


def where_costed(
    profit: ir.DecimalValue, net: ir.DecimalValue, costed: ir.DecimalValue, cost: ir.DecimalValue
) -> ir.DecimalValue:
    """Return the profit; null where there is a net amount, and nothing of it has a cost."""
    known = (net == 0) | (costed != 0) | (cost != 0)
    return ibis.ifelse(known, profit, ibis.null(profit.type()))


def _spend(facts: ir.Table) -> dict[str, ir.Value]:
    return {
        "net_amount_30d": net_between(facts, 0, 30),
        "net_amount_90d": net_between(facts, 0, 90),
        "net_amount_180d": net_between(facts, 0, 180),
        "net_amount_365d": facts.net,
        "net_amount_total": facts.net_total,
        "order_days_365d": facts.order_days_365d,
        "average_order_value_365d": ratio(facts.net, facts.order_days_365d),
        "repeat_order_value_mean": ratio(
            facts.bought_total - facts.first_bought, facts.order_days - 1
        ),
    }


def _profit(facts: ir.Table) -> dict[str, ir.Value]:
    list_price = facts.bought + facts.discount
    margin = ratio(facts.costed - facts.cost, positive(facts.costed))
    contribution = ratio(facts.profit, positive(facts.costed))
    gross = where_costed(
        facts.costed_total - facts.cost_total, facts.net_total, facts.costed_total, facts.cost_total
    )
    payback = ratio(gross, positive(facts.acquisition_cost))
    return {
        "discount_rate_365d": ratio(facts.discount, positive(list_price)).clip(0.0, 1.0),
        "gross_margin_rate_365d": margin.clip(-1.0, 1.0),
        "rebate_rate_365d": ratio(facts.rebate, positive(facts.bought)).clip(0.0, 1.0),
        "profit_contribution_rate_365d": contribution.clip(-1.0, 1.0),
        "profit_share_365d": ratio(facts.profit, facts.profit_of_all).clip(0.0, 1.0),
        "acquisition_cost": facts.acquisition_cost,
        "acquisition_payback_ratio": payback.clip(lower=0.0),
    }


def _burden(facts: ir.Table) -> dict[str, ir.Value]:
    """What serving the customer and waiting for the money takes away (#15)."""
    service = facts.service.fill_null(0)
    carrying = carrying_cost(facts.net, facts.dso_days_365d)
    return {
        "service_cost_rate_365d": ratio(service, positive(facts.net)).clip(0.0, 1.0),
        "contribution_365d": (facts.profit - service).cast("float64") - carrying,
    }


def carrying_cost(net: ir.DecimalValue, dso_days: ir.FloatingValue) -> ir.FloatingValue:
    """Return what it costs to wait ``dso_days`` for a net amount; 0 for one not positive."""
    years = dso_days.fill_null(0.0) / 365.0
    return positive(net).fill_null(0.0) * years * CAPITAL_COST_RATE


def _service(tickets: ir.Table) -> ir.Table:
    resolved = tickets.filter(aged(tickets.resolved_age, 365))
    return resolved.group_by("customer_id").aggregate(service=resolved.service_cost.sum())
