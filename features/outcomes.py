"""What happened after a snapshot: churn and net value. The only file that looks ahead.

Only ``features.publish`` may import it; a test holds that law.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from features.contract import CONTRACT
from features.errors import SnapshotError
from features.snapshot import Snapshot, latest
from features.windows import instant

if TYPE_CHECKING:
    from features.sources import Sources


def closed(sources: Sources, snapshot: Snapshot, horizon_days: int) -> bool:
    """Say whether the orders reach to the end of the horizon."""
    return snapshot.day + timedelta(days=horizon_days) <= sources.info.last_day


def outcome_table(sources: Sources, snapshot: Snapshot, horizon_days: int) -> ir.Table:
    """Return what every customer bought in ``(as_of, as_of + horizon_days]``; lazy.

    An outcome is what happened, as it is known in the end: late records and corrections
    count, ``known_at`` does not.

    Returns
    -------
    ir.Table
        ``customer_id``; ``order_days``, purchase days in the horizon (churn is 0);
        ``net_value``, net amount in the horizon, returns counted negatively. Customers
        without a line in the horizon are missing.

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
    orders = sources.tables["orders"]
    if sources.info.versioned.get("orders", False):
        orders = latest(orders, CONTRACT["orders"].key)
    end = snapshot.as_of + timedelta(days=horizon_days)
    lines = orders.filter(
        orders.occurred_at > instant(snapshot.as_of),
        orders.occurred_at <= instant(end),
        ~orders.is_cancelled.fill_null(False),
    )
    lines = lines.mutate(day=lines.occurred_at.date(), bought=~lines.is_return.fill_null(False))
    return lines.group_by("customer_id").aggregate(
        order_days=lines.day.nunique(where=lines.bought),
        net_value=lines.net_amount.sum().cast("float64"),
    )
