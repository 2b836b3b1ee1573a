"""What happened after a snapshot: churn and net value. The only file that looks ahead.

Only ``features.publish`` may import it; a test holds that law.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.errors import SnapshotError
from features.ledger import day_number, number_of
from features.snapshot import Snapshot

if TYPE_CHECKING:
    from features.sources import Sources


def closed(sources: Sources, snapshot: Snapshot, horizon_days: int) -> bool:
    """Say whether the orders reach to the end of the horizon."""
    return snapshot.day + timedelta(days=horizon_days) <= sources.info.last_day


def happened(sources: Sources, after: date) -> ir.Table:
    """Fold what customers bought after a day, as it is known in the end.

    Late records and corrections count, ``known_at`` does not.

    Returns
    -------
    ir.Table
        ``customer_id`` (text); ``day`` (days since 1970-01-01); ``is_purchase``; ``net``,
        decimal, returns counted negatively. One row a customer and day.
    """
    orders = sources.tables["orders"]
    if sources.info.versioned.get("orders", False):
        orders = _latest(orders, CONTRACT["orders"].key)
    lines = orders.mutate(day=day_number(orders.occurred_at)).filter(
        lambda t: t.day > number_of(after), ~orders.is_cancelled.fill_null(False)
    )
    return lines.group_by("customer_id", "day").aggregate(
        is_purchase=(~lines.is_return.fill_null(False)).any(), net=lines.net_amount.sum()
    )


def outcome_table(
    sources: Sources, days: ir.Table, customers: ir.Table, snapshot: Snapshot, horizon_days: int
) -> ir.Table:
    """Return what every customer bought in ``(as_of, as_of + horizon_days]``; lazy, sorted.

    Parameters
    ----------
    days
        What :func:`happened` returned for this day or an earlier one.
    customers
        ``customer_id``: the customers of the snapshot.

    Returns
    -------
    ir.Table
        ``customer_id``; ``churned``, no purchase day in the horizon; ``net_value``, net
        amount in the horizon, 0 where nothing was bought.

    Raises
    ------
    SnapshotError
        If the horizon is not positive, or ends after the last order of the data.
    """
    if horizon_days < 1:
        raise SnapshotError(
            f"A horizon of {horizon_days} days has no outcome.",
            hint="Give a horizon of one day or more.",
            horizon_days=horizon_days,
        )
    if not closed(sources, snapshot, horizon_days):
        raise SnapshotError(
            f"The {horizon_days} days after {snapshot.day} are not over: "
            f"the last order is of {sources.info.last_day}.",
            hint="Choose an earlier day or a shorter horizon.",
            as_of=snapshot.as_of.isoformat(),
            horizon_days=horizon_days,
            last_day=sources.info.last_day.isoformat(),
        )
    today = number_of(snapshot.day)
    ahead = days.filter(days.day > today, days.day <= today + horizon_days)
    sums = ahead.group_by("customer_id").aggregate(
        bought=ahead.is_purchase.any(), net=ahead.net.sum()
    )
    both = customers.select("customer_id").left_join(sums, "customer_id")
    return both.select(
        "customer_id",
        churned=~both.bought.fill_null(False),
        net_value=both.net.fill_null(0).cast("float64"),
    ).order_by("customer_id")


def _latest(table: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Keep the row recorded last of each key."""
    order = ibis.row_number().over(group_by=list(key), order_by=ibis.desc("recorded_at"))
    return table.mutate(version__=order).filter(lambda t: t.version__ == 0).drop("version__")
