"""Strategic: how deep the relation goes (requirements #21, #22, #25, #26, #27)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.dimensions.assemble import assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.windows import MONTH_DAYS, aged, ratio, within

MONTHS = 12


def strategic(tables: SnapshotTables) -> ir.Table:
    """Return the strategic indicators, one row a customer.

    ``tenure_days``
        Calendar days from the first purchase day to as_of.
    ``active_month_share_12m``
        Share with a purchase of the last twelve 30-day months, counting only months
        since the one of the first purchase.
    ``category_breadth_rate_365d``
        Categories with a line that is not a return in the window, over those of all
        customers.
    ``category_concentration_365d``
        Herfindahl index of the net amount in the window over the categories where it is
        positive: 1 for one category, 1/n for n equal ones; unknown without one.
    ``outbound_interaction_count_180d``, ``inbound_interaction_count_180d``
        Interactions in the window begun by us, and by the customer.
    """
    parts = [_presence(tables), _breadth(tables), _concentration(tables)]
    if tables.interactions is not None:
        parts.append(_contacts(tables, tables.interactions))
    return assemble(tables, Dimension.STRATEGIC, *parts)


def _presence(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger
    active = days.is_purchase & aged(days.age, MONTHS * MONTH_DAYS)
    sums = days.group_by("customer_id", "tenure", "first_age").aggregate(
        active=(days.age // MONTH_DAYS).nunique(where=active)
    )
    existing = ibis.least(sums.first_age // MONTH_DAYS + 1, MONTHS)
    return sums.select(
        "customer_id",
        tenure_days=sums.tenure,
        active_month_share_12m=ratio(sums.active, existing),
    )


def _breadth(tables: SnapshotTables) -> ir.Table:
    recent = tables.categories.filter(tables.categories.last_age < 365)
    own = recent.group_by("customer_id").aggregate(own=recent.count())
    everyone = recent.aggregate(everyone=recent.category.nunique())
    both = own.cross_join(everyone)
    return both.select("customer_id", category_breadth_rate_365d=ratio(both.own, both.everyone))


def _concentration(tables: SnapshotTables) -> ir.Table:
    spent = tables.categories.filter(tables.categories.net_365d > 0)
    # Decimal squares: a sum of doubles would depend on the order of rows.
    sums = spent.group_by("customer_id").aggregate(
        squares=(spent.net_365d * spent.net_365d).sum(),
        total=spent.net_365d.sum(),
    )
    share = ratio(ratio(sums.squares, sums.total), sums.total)
    return sums.select("customer_id", category_concentration_365d=share)


def _contacts(tables: SnapshotTables, interactions: ir.Table) -> ir.Table:
    recent = interactions.filter(within(interactions.occurred_at, tables.as_of, 180))
    inbound = recent.is_inbound.fill_null(False)
    return recent.group_by("customer_id").aggregate(
        outbound_interaction_count_180d=recent.count(where=~inbound),
        inbound_interaction_count_180d=recent.count(where=inbound),
    )
