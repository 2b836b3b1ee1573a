"""Potential: where the customer is heading (requirements #14, #18, #35)."""

from __future__ import annotations

import ibis.expr.types as ir

from features.dimensions.assemble import assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.windows import aged, change, known_if, ratio

# Before this tenure the window of comparison lies before the first order, and every
# newcomer would look like a rising star.
GROWTH_TENURE_DAYS = 90


def potential(tables: SnapshotTables) -> ir.Table:
    """Return the potential indicators, one row a customer.

    ``net_amount_growth_90d``
        ``change`` of the net amount of the last 90 days against the 90 before; unknown
        with a tenure below 90 days or where both are 0.
    ``order_days_growth_90d``
        The same of purchase days.
    ``average_order_value_growth_90d``
        The same of net amount per purchase day; unknown unless both windows have a
        purchase day.
    ``category_count_180d``
        Categories with a line that is not a return in the window.
    ``new_category_count_90d``
        Categories whose first line that is not a return lies in the window.
    ``net_amount_next_90d_last_year``
        Net amount in (as_of - 365 days, as_of - 275 days]; unknown with a tenure below
        365 days.
    """
    return assemble(tables, Dimension.POTENTIAL, _growth(tables), _categories(tables))


def _growth(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger
    now = aged(days.age, 90)
    before = aged(days.age, 90, ending=90)
    sums = days.group_by("customer_id", "tenure").aggregate(
        net_now=days.net.sum(where=now),
        net_before=days.net.sum(where=before),
        days_now=days.day.nunique(where=days.is_purchase & now),
        days_before=days.day.nunique(where=days.is_purchase & before),
        last_year=days.net.sum(where=aged(days.age, 90, ending=275)).fill_null(0),
    )
    average_now = ratio(sums.net_now, sums.days_now)
    average_before = ratio(sums.net_before, sums.days_before)
    known = sums.tenure >= GROWTH_TENURE_DAYS
    compared = average_now.notnull() & average_before.notnull()
    return sums.select(
        "customer_id",
        net_amount_growth_90d=known_if(known, change(sums.net_now, sums.net_before)),
        order_days_growth_90d=known_if(known, change(sums.days_now, sums.days_before)),
        average_order_value_growth_90d=known_if(compared, change(average_now, average_before)),
        net_amount_next_90d_last_year=known_if(sums.tenure >= 365, sums.last_year),
    )


def _categories(tables: SnapshotTables) -> ir.Table:
    bought = tables.categories
    return bought.group_by("customer_id").aggregate(
        category_count_180d=bought.count(where=bought.last_age < 180),
        new_category_count_90d=bought.count(where=bought.first_age < 90),
    )
