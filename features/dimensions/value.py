"""Value: what the customer is worth today (requirements #14, #16, #24, #26)."""

from __future__ import annotations

import ibis.expr.types as ir

from features.dimensions.assemble import assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.windows import aged, positive, ratio


def value(tables: SnapshotTables) -> ir.Table:
    """Return the value indicators, one row a customer.

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
    """
    return assemble(tables, Dimension.VALUE, _spend(tables))


def _spend(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger
    year = aged(days.age, 365)
    sums = days.group_by("customer_id").aggregate(
        net_amount_30d=days.net.sum(where=aged(days.age, 30)),
        net_amount_90d=days.net.sum(where=aged(days.age, 90)),
        net_amount_180d=days.net.sum(where=aged(days.age, 180)),
        net_amount_365d=days.net.sum(where=year),
        net_amount_total=days.net.sum(),
        order_days_365d=days.day.nunique(where=days.is_purchase & year),
        bought=days.bought.sum(where=year),
        discount=days.discount.sum(where=year),
        costed=days.costed.sum(where=year),
        cost=days.cost.sum(where=year),
        repeated=days.bought.sum(where=days.is_purchase & (days.day > days.first_day)),
        repeats=days.order_days.max() - 1,
    )
    list_price = sums.bought + sums.discount
    margin = ratio(sums.costed - sums.cost, positive(sums.costed))
    return sums.mutate(
        average_order_value_365d=ratio(sums.net_amount_365d, sums.order_days_365d),
        discount_rate_365d=ratio(sums.discount, positive(list_price)).clip(0.0, 1.0),
        gross_margin_rate_365d=margin.clip(-1.0, 1.0),
        repeat_order_value_mean=ratio(sums.repeated, sums.repeats),
    )
