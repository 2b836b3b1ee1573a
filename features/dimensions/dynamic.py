"""Dynamic: what is changing right now (requirements #14, #29, #54, #58, #76, #87)."""

from __future__ import annotations

import ibis.expr.types as ir

from features.dimensions.assemble import assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.windows import (
    MONTH_DAYS,
    aged,
    change,
    days_between,
    falls_in_a_row,
    known_if,
    relative_slope,
    variation,
    within,
)

MONTHS = 6


def dynamic(tables: SnapshotTables) -> ir.Table:
    """Return the dynamic indicators, one row a customer; a month has 30 days.

    ``order_days_30d``, ``order_days_90d``
        Purchase days in the window.
    ``net_amount_momentum_30d``
        ``change`` of the net amount of the last 30 days against a third of that of the
        90 before; unknown with a tenure below 30 days or where both are 0.
    ``net_amount_slope_6m``
        Least-squares slope per month of the net amount of the last six months over
        their mean; unknown with a tenure below 180 days or where the mean is not
        positive.
    ``net_amount_cv_6m``
        Population standard deviation of those six amounts over their mean; unknown in
        the same cases.
    ``declining_months``
        Latest of the five steps between those months in a row that fall, 0 to 5.
    ``interaction_change_30d``
        ``change`` of the interactions of the last 30 days against the 30 before;
        unknown where both are 0.
    ``repeat_count``
        Purchase days after the first.
    ``last_order_age_days``
        Calendar days from the first purchase day to the last.
    """
    parts = [_lifetime(tables), _trend(tables)]
    if tables.interactions is not None:
        parts.append(_contacts(tables, tables.interactions))
    return assemble(tables, Dimension.DYNAMIC, *parts)


def _lifetime(tables: SnapshotTables) -> ir.Table:
    customers = tables.spine
    return customers.select(
        "customer_id",
        repeat_count=customers.order_days - 1,
        last_order_age_days=days_between(customers.last_day, customers.first_day),
    )


def _trend(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger
    month_sums = {
        f"m{k}": days.net.sum(where=aged(days.age, MONTH_DAYS, ending=k * MONTH_DAYS)).fill_null(0)
        for k in range(MONTHS)
    }
    sums = days.group_by("customer_id", "tenure").aggregate(
        order_days_30d=days.day.nunique(where=days.is_purchase & aged(days.age, 30)),
        order_days_90d=days.day.nunique(where=days.is_purchase & aged(days.age, 90)),
        **month_sums,
    )
    oldest_first = [sums[f"m{k}"] for k in reversed(range(MONTHS))]
    amounts = [amount.cast("float64") for amount in oldest_first]
    usual = (sums.m1 + sums.m2 + sums.m3).cast("float64") / 3.0
    whole = sums.tenure >= MONTHS * MONTH_DAYS
    return sums.select(
        "customer_id",
        "order_days_30d",
        "order_days_90d",
        net_amount_momentum_30d=known_if(sums.tenure >= MONTH_DAYS, change(sums.m0, usual)),
        net_amount_slope_6m=known_if(whole, relative_slope(amounts)),
        net_amount_cv_6m=known_if(whole, variation(amounts)),
        declining_months=falls_in_a_row(oldest_first),
    )


def _contacts(tables: SnapshotTables, interactions: ir.Table) -> ir.Table:
    counts = interactions.group_by("customer_id").aggregate(
        now=interactions.count(where=within(interactions.occurred_at, tables.as_of, 30)),
        before=interactions.count(
            where=within(interactions.occurred_at, tables.as_of, 30, ending=30)
        ),
    )
    return counts.select("customer_id", interaction_change_30d=change(counts.now, counts.before))
