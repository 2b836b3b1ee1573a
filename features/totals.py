"""What the ledger adds up to for each customer: over the whole life, and over windows.

The sums of a whole life are kept for runs of snapshots that see the same rows, so that a
snapshot picks one row a customer and adds nothing. The windows are added once a snapshot, by
ages that do not overlap, and every dimension puts its own windows together from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import add

import ibis
import ibis.expr.types as ir

from features.ledger import FOLLOWED_DAYS, money
from features.visibility import POSITIONS, SEEN_FROM, SEEN_UNTIL
from features.windows import MONTH_DAYS, aged

REACH_DAYS = 730
"""Ages at which the windows end; what is older counts in the sums of a whole life only."""

MONTHS = 12

_DAY_BITS = 5  # hold the at most 30 purchase days of a month

_BANDS = (0, 30, 60, 90, 120, 150, 180, 275, 365, 455, REACH_DAYS)
"""Ages between which net amounts are added up: every window is a run of these."""

_LIFE = ("net", "costed", "cost", "bought")

_YEAR = ("bought", "returned", "discount", "rebate", "costed", "cost", "custom")


def lives(ledger: ir.Table, steps: ir.Table) -> ir.Table:
    """Add up whole lives for each run of snapshots that see the same rows of a customer.

    Parameters
    ----------
    ledger
        All rows, with ``day`` and ``seen_from``, of lines without versions.
    steps
        Purchase days and those before them (:func:`features.ledger.steady_steps`).

    Returns
    -------
    ir.Table
        ``customer_id``; ``first_day`` and ``last_day`` of the purchases; ``order_days``; in
        money ``net_total``, ``costed_total``, ``cost_total``, ``bought_total``; of the steps
        ``squares``, the sum of the squares of their days, and ``followed``, how many took
        at most 90 days; ``seen_from``; ``seen_until``. A snapshot sees at most one row of a
        customer, and none without a purchase.
    """
    seen = ledger.group_by("customer_id", SEEN_FROM).aggregate(
        first=ledger.day.min(where=ledger.is_purchase),
        last=ledger.day.max(where=ledger.is_purchase),
        days=ledger.purchase.sum(),
        **{name: money(ledger[name].sum()) for name in _LIFE},
    )
    gap = steps.day - steps.day_before
    gaps = steps.group_by("customer_id", SEEN_FROM).aggregate(
        squares=(gap.cast("int64") * gap).sum(), followed=steps.count(where=gap <= FOLLOWED_DAYS)
    )
    seen = seen.left_join(gaps, ["customer_id", SEEN_FROM])
    so_far = ibis.cumulative_window(group_by="customer_id", order_by=SEEN_FROM)
    next_change = seen[SEEN_FROM].lead().over(group_by="customer_id", order_by=SEEN_FROM)
    runs = seen.select(
        "customer_id",
        SEEN_FROM,
        first_day=seen["first"].min().over(so_far),
        last_day=seen["last"].max().over(so_far),
        order_days=seen.days.sum().over(so_far),
        **{f"{name}_total": money(seen[name].sum().over(so_far)) for name in _LIFE},
        squares=seen.squares.sum().over(so_far).fill_null(0).cast("int64"),
        followed=seen.followed.sum().over(so_far).fill_null(0).cast("int64"),
        **{SEEN_UNTIL: next_change.fill_null(POSITIONS).cast("int32")},
    )
    return runs.filter(runs.order_days > 0)


def beginnings(ledger: ir.Table, runs: ir.Table) -> ir.Table:
    """Return ``customer_id``, ``day``, ``seen_from``, ``bought`` of each first purchase day.

    A late record can put the first purchase on an earlier day, so a customer may have several.
    """
    first = runs.select("customer_id", day="first_day").distinct()
    rows = ledger.semi_join(first, ["customer_id", "day"])
    return rows.select("customer_id", "day", SEEN_FROM, "bought")


def spine(seen: ir.Table, begun: ir.Table) -> ir.Table:
    """Return the customers with at least one purchase day, of rows a snapshot has picked.

    Parameters
    ----------
    seen
        :func:`lives` with ``first_age`` and ``last_age`` in the place of the days.
    begun
        :func:`beginnings` with ``age`` in the place of the day.

    Returns
    -------
    ir.Table
        ``customer_id``; ``first_age`` and ``last_age`` of the purchase days;
        ``order_days`` (how many there are); ``tenure`` (the same as ``first_age``); in money
        ``net_total``, ``costed_total``, ``cost_total``, ``bought_total`` and
        ``first_bought``, that of the first purchase day.
    """
    starts = begun.join(seen, [begun.customer_id == seen.customer_id, begun.age == seen.first_age])
    first = starts.group_by("customer_id").aggregate(first_bought=money(starts.bought.sum()))
    customers = seen.inner_join(first, "customer_id")
    sums = (f"{name}_total" for name in _LIFE)
    ages = ("first_age", "last_age", "order_days")
    return customers.select("customer_id", *ages, *sums, "first_bought", tenure=customers.first_age)


def lived(ledger: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return what :func:`spine` takes, from the rows that a snapshot has chosen of versions."""
    days = ledger.filter(ledger.is_purchase)
    ages = days.group_by("customer_id").aggregate(
        first_age=days.age.max(), last_age=days.age.min(), order_days=days.purchase.sum()
    )
    sums = ledger.group_by("customer_id").aggregate(
        **{f"{name}_total": money(ledger[name].sum()) for name in _LIFE}
    )
    return ages.inner_join(sums, "customer_id"), ledger.select("customer_id", "age", "bought")


def windows(ledger: ir.Table) -> ir.Table:
    """Add up the ledger of the last 730 days, one row a customer with a row in them.

    Parameters
    ----------
    ledger
        Rows a snapshot sees, with ``age``.

    Returns
    -------
    ir.Table
        ``customer_id``; ``net_{from}_{to}``, the net amount of the ages from..to - 1
        (:func:`net_between`); ``months``, the purchase days of the last twelve months side by
        side in one whole number (:func:`purchase_days`); ``order_days_365d`` and
        ``order_days_730d``; of the last 365 days in money ``bought``, ``returned``,
        ``discount``, ``rebate``, ``costed``, ``cost`` and ``custom``; of 730 days
        ``bought_730d`` and ``largest_row``, the most that a row of the ledger bought. Sums of
        nothing are 0.
    """
    days = ledger.filter(ledger.age < REACH_DAYS)
    year = days.age < 365
    twelve = days.age < MONTHS * MONTH_DAYS
    # A single sum over the ledger in place of twelve; a shift too far would be an error.
    place = ibis.least(days.age // MONTH_DAYS, MONTHS) * _DAY_BITS
    packed = days.purchase.cast("int64") << place.cast("int32")
    net = {
        f"net_{begin}_{end}": _sum(days.net, aged(days.age, end - begin, ending=begin))
        for begin, end in pairwise(_BANDS)
    }
    return days.group_by("customer_id").aggregate(
        **net,
        months=ibis.ifelse(twelve, packed, 0).sum().cast("int64"),
        order_days_365d=ibis.ifelse(year, days.purchase, 0).sum(),
        order_days_730d=days.purchase.sum(),
        **{name: _sum(days[name], year) for name in _YEAR},
        bought_730d=money(days.bought.sum()),
        largest_row=days.bought.max(),
    )


def totals(spine: ir.Table, gaps: ir.Table, windows: ir.Table) -> ir.Table:
    """Return the customers of :func:`spine` with all that :func:`windows` and gaps tell.

    Sums of a customer who has no row in the windows are 0.
    """
    gaps, sums = gaps.rename(code="customer_id"), windows.rename(windows_code="customer_id")
    joined = spine.left_join(gaps, [spine.customer_id == gaps.code])
    joined = joined.left_join(sums, [joined.customer_id == sums.windows_code])
    filled = {name: joined[name].fill_null(0) for name in windows.columns if name != "customer_id"}
    return joined.select(*spine.columns, "squares", "followed_90d", **filled)


def net_between(sums: ir.Table, begin: int, end: int) -> ir.DecimalValue:
    """Return the net amount of the ages from ``begin`` to ``end - 1``, both of the bands."""
    bands = _BANDS[_BANDS.index(begin) : _BANDS.index(end) + 1]
    return _added([sums[f"net_{a}_{b}"] for a, b in pairwise(bands)])


def purchase_days(sums: ir.Table, first: int, end: int) -> ir.IntegerValue:
    """Return the purchase days of the months from ``first`` to ``end - 1``, 0 the latest."""
    return _added([month(sums, number) for number in range(first, end)])


def month(sums: ir.Table, number: int) -> ir.IntegerValue:
    """Return the purchase days of a month of the last twelve, 0 the latest."""
    return (sums.months >> number * _DAY_BITS) & (2**_DAY_BITS - 1)


def _sum(amounts: ir.DecimalColumn, where: ir.BooleanColumn) -> ir.DecimalValue:
    # A sum with a condition of its own takes half as long again.
    return money(ibis.ifelse(where, amounts, ibis.literal(0, amounts.type())).sum())


def _added(values: Sequence[ir.NumericValue]) -> ir.NumericValue:
    return reduce(add, values)
