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

YEAR_DAYS, REACH_DAYS = 365, 730
"""Ages at which the windows end; what is older counts in the sums of a whole life only."""

MONTHS = 12

_DAY_BITS = 5  # hold the at most 30 purchase days of a month

_BANDS = (0, 30, 60, 90, 120, 150, 180, 275, 365, 455, REACH_DAYS)
"""Ages between which net amounts are added up: every window is a run of these."""

_LIFE = ("net", "costed", "cost", "bought")

_STEADY = ("squares", "followed")
"""What :func:`lives` tells of intervals: it holds where no day was seen before an earlier one."""

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
        ``first_bought``, that of the first purchase day; ``squares`` and ``followed``, of
        lines without versions.
    """
    starts = begun.join(seen, [begun.customer_id == seen.customer_id, begun.age == seen.first_age])
    first = starts.group_by("customer_id").aggregate(first_bought=money(starts.bought.sum()))
    customers = seen.inner_join(first, "customer_id")
    sums = (f"{name}_total" for name in _LIFE)
    ages = ("first_age", "last_age", "order_days")
    steady = (name for name in _STEADY if name in seen.columns)
    return customers.select(
        "customer_id", *ages, *sums, "first_bought", *steady, tenure=customers.first_age
    )


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
    """Add up the ledger of the last 365 days, one row a customer with a row in them.

    Parameters
    ----------
    ledger
        Rows a snapshot sees, with ``age``.

    Returns
    -------
    ir.Table
        ``customer_id``; ``net_{from}_{to}``, the net amount of the ages from..to - 1
        (:func:`net_between`); ``months``, the purchase days of the last twelve months side by
        side in one whole number (:func:`purchase_days`); ``order_days_365d``; in money
        ``bought``, ``returned``, ``discount``, ``rebate``, ``costed``, ``cost`` and
        ``custom``; ``largest_row``, the most that a row of the ledger bought.
    """
    days = ledger.filter(ledger.age < YEAR_DAYS)
    twelve = days.age < MONTHS * MONTH_DAYS
    # A single sum over the ledger in place of twelve; a shift too far would be an error.
    place = ibis.least(days.age // MONTH_DAYS, MONTHS) * _DAY_BITS
    packed = days.purchase.cast("int64") << place.cast("int32")
    return days.group_by("customer_id").aggregate(
        **_net_of(days, 0, YEAR_DAYS),
        months=ibis.ifelse(twelve, packed, 0).sum().cast("int64"),
        order_days_365d=days.purchase.sum(),
        **{name: money(days[name].sum()) for name in _YEAR},
        largest_row=days.bought.max(),
    )


def year_before(ledger: ir.Table) -> ir.Table:
    """Add up the ledger of the 365 days before those of :func:`windows`, in the same way.

    Few sums are wanted of them. Added together with those of the last year, each of its many
    sums would meet the rows of two.

    Returns
    -------
    ir.Table
        ``customer_id``; ``net_{from}_{to}``; ``order_days_before``, ``bought_before``,
        ``largest_before``.
    """
    aged_days = ledger.filter((ledger.age >= YEAR_DAYS) & (ledger.age < REACH_DAYS))
    return aged_days.group_by("customer_id").aggregate(
        **_net_of(aged_days, YEAR_DAYS, REACH_DAYS),
        order_days_before=aged_days.purchase.sum(),
        bought_before=money(aged_days.bought.sum()),
        largest_before=aged_days.bought.max(),
    )


def totals(spine: ir.Table, gaps: ir.Table, windows: ir.Table, year_before: ir.Table) -> ir.Table:
    """Return the customers of :func:`spine` with all that the other three tell of them.

    Parameters
    ----------
    gaps
        :func:`features.ledger.gaps`: of all customers where the spine has no ``squares``,
        elsewhere of those whose intervals differ from snapshot to snapshot.

    Returns
    -------
    ir.Table
        The columns of the spine and of the windows; ``squares``; ``followed_90d``; of the
        last 730 days ``net_365_455``, ``net_455_730``, ``order_days_730d``, ``bought_730d``
        and ``largest_row``. Sums of a customer who has no row in a window are 0.
    """
    joined = spine
    filled: dict[str, ir.Value] = {}
    for number, sums in enumerate((windows, year_before)):
        coded = sums.rename({f"code_{number}": "customer_id"})
        joined = joined.left_join(coded, [joined.customer_id == coded[f"code_{number}"]])
        filled |= {name: joined[name].fill_null(0) for name in sums.columns[1:]}
    own = [name for name in spine.columns if name not in _STEADY]
    steady = [name for name in spine.columns if name in _STEADY]
    joined = joined.select(*own, *steady, **filled)
    told = gaps.rename(code="customer_id", moved="squares", moved_90d="followed_90d")
    joined = joined.left_join(told, [joined.customer_id == told.code])
    squares, followed = joined.moved, joined.moved_90d
    if steady:
        # Of the purchase days of the last 90 days each but the earliest followed one of them.
        late = ibis.greatest(purchase_days(joined, 0, FOLLOWED_DAYS // MONTH_DAYS) - 1, 0)
        squares = squares.coalesce(joined.squares)
        followed = followed.coalesce(joined.followed - late)
    return joined.select(
        *own,
        *windows.drop("customer_id", "largest_row").columns,
        *(name for name in year_before.columns if name.startswith("net_")),
        squares=squares,
        followed_90d=followed,
        order_days_730d=joined.order_days_365d + joined.order_days_before,
        bought_730d=joined.bought + joined.bought_before,
        largest_row=ibis.greatest(joined.largest_row, joined.largest_before),
    )


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


def _net_of(days: ir.Table, first: int, end: int) -> dict[str, ir.DecimalValue]:
    """Return the net amounts of the bands from ``first`` to ``end``, by name."""
    bands = _BANDS[_BANDS.index(first) : _BANDS.index(end) + 1]
    return {
        f"net_{a}_{b}": _sum(days.net, aged(days.age, b - a, ending=a)) for a, b in pairwise(bands)
    }


def _sum(amounts: ir.DecimalColumn, where: ir.BooleanColumn) -> ir.DecimalValue:
    # A sum with a condition of its own takes half as long again.
    return money(ibis.ifelse(where, amounts, ibis.literal(0, amounts.type())).sum())


def _added(values: Sequence[ir.NumericValue]) -> ir.NumericValue:
    return reduce(add, values)
