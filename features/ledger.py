"""Order lines folded once a snapshot, so that no dimension has to read lines again.

Sums stay decimal here: they are exact, so neither the order of rows nor the number of
threads can change an indicator.
"""

from __future__ import annotations

from datetime import datetime

import ibis.expr.types as ir

from features.windows import age_days, as_of_date, days_between


def customer_days(orders: ir.Table, as_of: datetime) -> ir.Table:
    """Fold visible order lines by customer and day.

    Returns
    -------
    ir.Table
        ``customer_id``; ``day`` (calendar day); ``age`` (whole days before ``as_of``; a
        calendar day has two ages when ``as_of`` is not the end of a day);
        ``is_purchase`` (some line is not a return); in money: ``net`` of all lines,
        ``bought`` and ``returned`` (net of the lines that are not and that are
        returns), ``discount`` (of the lines that are not returns), ``costed`` and
        ``cost`` (net and cost of the lines whose cost is known).
    """
    lines = orders.mutate(day=orders.occurred_at.date(), age=age_days(orders.occurred_at, as_of))
    return lines.group_by("customer_id", "day", "age").aggregate(
        is_purchase=(~lines.is_return).any(),
        net=_money(lines.net_amount.sum()),
        bought=_money(lines.net_amount.sum(where=~lines.is_return)),
        returned=_money(lines.net_amount.sum(where=lines.is_return)),
        discount=_money(lines.discount.sum(where=~lines.is_return)),
        costed=_money(lines.net_amount.sum(where=lines.cost.notnull())),
        cost=_money(lines.cost.sum()),
    )


def customer_categories(orders: ir.Table, as_of: datetime) -> ir.Table:
    """Fold visible order lines by customer and category; lines without category left out.

    Returns
    -------
    ir.Table
        ``customer_id``; ``category``; ``first_age`` and ``last_age`` of the lines that
        are not returns, null if there is none; ``net_365d`` in money, returns included.
    """
    lines = orders.filter(orders.category.notnull())
    lines = lines.mutate(age=age_days(lines.occurred_at, as_of))
    return lines.group_by("customer_id", "category").aggregate(
        first_age=lines.age.max(where=~lines.is_return),
        last_age=lines.age.min(where=~lines.is_return),
        net_365d=_money(lines.net_amount.sum(where=lines.age < 365)),
    )


def spine(ledger: ir.Table, as_of: datetime) -> ir.Table:
    """Return the customers with at least one purchase day.

    Returns
    -------
    ir.Table
        ``customer_id``; ``first_day`` and ``last_day`` (purchase days); ``first_age``;
        ``order_days`` (how many purchase days); ``tenure`` (calendar days from the
        first purchase day to ``as_of``).
    """
    days = ledger.filter(ledger.is_purchase)
    customers = days.group_by("customer_id").aggregate(
        first_day=days.day.min(),
        last_day=days.day.max(),
        first_age=days.age.max(),
        order_days=days.day.nunique(),
    )
    return customers.mutate(tenure=days_between(as_of_date(as_of), customers.first_day))


def _money(total: ir.DecimalValue) -> ir.DecimalValue:
    return total.fill_null(0)  # the sum of no line
