"""Order lines folded once, so that no snapshot and no dimension has to read lines again.

Sums stay decimal here: they are exact, so neither the order of rows nor the number of
threads can change an indicator. Days are whole numbers since 1970-01-01.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from features.visibility import POSITIONS, SEEN_FROM, SEEN_UNTIL, seen_columns

MONEY = ("net", "bought", "returned", "discount", "rebate", "costed", "cost", "custom")
"""Money columns of the ledger."""

CATEGORY_DAYS = 365
"""How far back order lines are kept by category."""

FOLLOWED_DAYS = 90
"""Within how many days a purchase day counts as followed by another."""

_EPOCH = date(1970, 1, 1)


def day_number(moment: ir.TimestampValue) -> ir.IntegerValue:
    """Return the calendar day of a moment as days since 1970-01-01."""
    return moment.date().delta(ibis.literal(_EPOCH, type="date"), unit="day").cast("int32")


def number_of(day: date) -> int:
    """Return a calendar day as days since 1970-01-01."""
    return (day - _EPOCH).days


def customer_days(lines: ir.Table) -> ir.Table:
    """Fold order lines by customer, day and the snapshots that see them.

    Returns
    -------
    ir.Table
        ``customer_id``; ``day``; ``seen_from`` (and ``seen_until``); ``is_purchase`` (some
        line is not a return); ``purchase``, 1 or 0; in money: ``net`` of all lines,
        ``bought`` and ``returned`` (net of the lines that are not and that are returns),
        ``discount`` and ``rebate`` (of the lines that are not returns), ``costed`` and
        ``cost`` (net and cost of the lines whose cost is known), ``custom`` (net of the
        lines made to order that are not returns). In every snapshot ``purchase`` adds up
        to 1 over the rows of a purchase day.
    """
    sold = ~lines.is_return
    days = lines.group_by("customer_id", "day", *seen_columns(lines)).aggregate(
        is_purchase=sold.any(),
        net=money(lines.net_amount.sum()),
        bought=money(lines.net_amount.sum(where=sold)),
        returned=money(lines.net_amount.sum(where=lines.is_return)),
        discount=money(lines.discount.sum(where=sold)),
        rebate=money(lines.rebate.sum(where=sold)),
        costed=money(lines.net_amount.sum(where=lines.cost.notnull())),
        cost=money(lines.cost.sum()),
        custom=money(lines.net_amount.sum(where=lines.is_custom & sold)),
    )
    if SEEN_UNTIL in days.columns:  # rows come and go: counted when a snapshot has chosen
        return days
    # Records that came late make a second row of their day; the one seen first counts it.
    place = ibis.row_number().over(
        group_by=["customer_id", "day", "is_purchase"], order_by=SEEN_FROM
    )
    ranked = days.mutate(place=place)
    return ranked.mutate(
        purchase=ibis.ifelse(ranked.is_purchase & (ranked.place == 0), 1, 0).cast("int32")
    ).drop("place")


def one_row_a_day(days: ir.Table) -> ir.Table:
    """Fold the rows that a snapshot has chosen among versions to one a customer and day."""
    folded = days.group_by("customer_id", "day").aggregate(
        is_purchase=days.is_purchase.any(), **{name: money(days[name].sum()) for name in MONEY}
    )
    return folded.mutate(purchase=folded.is_purchase.cast("int32"))


def categories(lines: ir.Table) -> ir.Table:
    """Fold the order lines of the last 365 days by customer and category.

    Parameters
    ----------
    lines
        ``customer_id``, ``category``, ``age``, ``is_return``, ``net``; ages of 365 days or
        more are left out.

    Returns
    -------
    ir.Table
        ``customer_id``; ``category``; ``last_age`` of the lines that are not returns, null
        if there is none; net amounts in money, returns included: ``net_90d``,
        ``net_previous_90d`` (the 90 days before those), ``net_first_90d`` (of the year: the 90
        days that followed this one a year ago) and ``net_365d``.
    """
    year = lines.filter(lines.age < CATEGORY_DAYS)
    age, nothing = year.age, ibis.literal(0, year.net.type())
    # Conditions within the sums: a condition of its own makes a sum half as slow again.
    within = {
        "net_90d": age < 90,
        "net_previous_90d": (age >= 90) & (age < 180),
        "net_first_90d": age >= CATEGORY_DAYS - 90,
    }
    return year.group_by("customer_id", "category").aggregate(
        last_age=ibis.ifelse(year.is_return, ibis.null(age.type()), age).min(),
        **{
            name: money(ibis.ifelse(where, year.net, nothing).sum())
            for name, where in within.items()
        },
        net_365d=money(year.net.sum()),
    )


def first_purchases(lines: ir.Table) -> ir.Table:
    """Return the first purchase of each category by each customer, as the snapshots see it.

    A late record can put it on an earlier day: then the later day counts for the snapshots
    before, the earlier for those after.

    Returns
    -------
    ir.Table
        ``customer_id``; ``category``; ``day``; ``seen_from``; ``seen_until``. A snapshot
        sees one row of a customer and category; of versioned lines it sees every purchase
        day, of which the first counts (:func:`first_categories`).
    """
    bought = lines.filter(~lines.is_return)
    pair = ["customer_id", "category"]
    if SEEN_UNTIL in bought.columns:
        return bought.select(*pair, "day", *seen_columns(bought)).distinct()
    # Day and position in one number: the least is the first day and when it was first seen.
    both = bought.day.cast("int64") * POSITIONS + bought[SEEN_FROM]
    pairs = bought.group_by(pair).aggregate(first=both.min(), first_seen=bought[SEEN_FROM].min())
    steady = pairs.filter(pairs.first % POSITIONS == pairs.first_seen).select(
        *pair,
        day=(_.first // POSITIONS).cast("int32"),
        seen_from=_.first_seen,
        seen_until=ibis.literal(POSITIONS, "int32"),
    )
    moved = pairs.filter(pairs.first % POSITIONS != pairs.first_seen)
    return steady.union(_moving(bought.semi_join(moved, pair), pair))


def _moving(bought: ir.Table, pair: list[str]) -> ir.Table:
    """Return the runs of snapshots over which the first day of a pair stays the same."""
    days = bought.group_by([*pair, SEEN_FROM]).aggregate(day=bought.day.min())
    so_far = ibis.cumulative_window(group_by=pair, order_by=SEEN_FROM)
    days = days.mutate(day=days.day.min().over(so_far))
    before = days.day.lag().over(group_by=pair, order_by=SEEN_FROM)
    steps = days.mutate(before=before)
    steps = steps.filter(steps.before.isnull() | (steps.day < steps.before))
    until = steps[SEEN_FROM].lead().over(group_by=pair, order_by=SEEN_FROM)
    return steps.select(
        *pair, "day", SEEN_FROM, seen_until=until.fill_null(POSITIONS).cast("int32")
    )


def first_categories(firsts: ir.Table) -> ir.Table:
    """Return ``customer_id``, ``category`` and ``first_age`` of versioned first purchases."""
    return firsts.group_by("customer_id", "category").aggregate(first_age=firsts.first_age.max())


def out_of_order(ledger: ir.Table) -> ir.Table:
    """Return the customers of whom some purchase day was seen before an earlier one.

    Late records make them; they are few. For all others the purchase day before a day is
    the same in every snapshot that sees it.

    Parameters
    ----------
    ledger
        All rows, with ``day`` and ``seen_from``, of lines without versions.
    """
    days = ledger.filter(ledger.purchase == 1)
    so_far = ibis.cumulative_window(group_by="customer_id", order_by="day")
    days = days.mutate(latest=days[SEEN_FROM].max().over(so_far))
    return days.filter(days[SEEN_FROM] < days.latest).select("customer_id").distinct()


def several_rows(ledger: ir.Table) -> ir.Table:
    """Return the rows of the purchase days whose records came at several times.

    Such a day has several rows. They are few; to look for them in each snapshot would read the
    ledger twice.
    """
    late = ledger.filter(ledger.is_purchase & (ledger.purchase == 0))
    rows = ledger.semi_join(late.select("customer_id", "day"), ["customer_id", "day"])
    return rows.select("customer_id", "day", SEEN_FROM, "is_purchase", "purchase", "bought")


def unsteady_rows(ledger: ir.Table, restless: ir.Table) -> ir.Table:
    """Return the purchase days of the customers of :func:`out_of_order`.

    They are few; to look for them in each snapshot would read the ledger once more.
    """
    days = ledger.filter(ledger.purchase == 1).semi_join(restless, "customer_id")
    return days.select("customer_id", "day", SEEN_FROM, "purchase")


def steady_steps(ledger: ir.Table, restless: ir.Table) -> ir.Table:
    """Return ``day`` and ``day_before`` of each purchase day of the other customers."""
    days = ledger.filter(ledger.purchase == 1).anti_join(restless, "customer_id")
    before = days.day.lag().over(group_by="customer_id", order_by="day")
    return days.select("customer_id", "day", SEEN_FROM, day_before=before)


def purchase_steps(ledger: ir.Table) -> ir.Table:
    """Return ``customer_id``, ``age`` and ``before``, the age of the purchase day before."""
    days = ledger.filter(ledger.purchase == 1).select("customer_id", "age")
    before = days.age.lag().over(group_by="customer_id", order_by=ibis.desc("age"))
    return days.select("customer_id", "age", before=before)


def gaps(steps: ir.Table) -> ir.Table:
    """Measure the intervals between consecutive purchase days (:func:`purchase_steps`).

    Returns
    -------
    ir.Table
        ``customer_id``; ``squares``, the sum of the squares of their days; ``followed_90d``,
        how many purchase days of 90 days ago or earlier were followed by another within 90
        days.
    """
    gap = steps.before - steps.age
    return steps.group_by("customer_id").aggregate(
        squares=(gap.cast("int64") * gap).sum().fill_null(0).cast("int64"),
        followed_90d=steps.count(where=(gap <= FOLLOWED_DAYS) & (steps.before >= FOLLOWED_DAYS)),
    )


def money(total: ir.DecimalValue) -> ir.DecimalValue:
    """Return a sum of money, 0 for one of no row, in half the width of a sum's own type.

    Sums of sums are twice as fast so, and 10^14 units of money stop the run instead of passing.
    """
    return total.fill_null(0).cast("decimal(18, 4)")
