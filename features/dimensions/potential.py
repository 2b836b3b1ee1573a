"""Potential: where the customer is heading (requirements #14, #18, #19, #26, #30, #33, #35)."""

from __future__ import annotations

import ibis.expr.types as ir
from ibis import _

from features.dimensions.assemble import Assembly, assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.totals import net_between, purchase_days
from features.windows import aged, change, known_if, positive, ratio

# Before this tenure the window of comparison lies before the first order, and every
# newcomer would look like a rising star.
GROWTH_TENURE_DAYS = 90

YEAR = 365
NEXT_90D_LAST_YEAR = YEAR - 90
"""Age of the last of the 90 days that followed this day a year ago."""

_MILLION = 1_000_000


def potential(tables: SnapshotTables) -> Assembly:
    """Return the potential indicators, one row a customer.

    ``net_amount_growth_90d``
        ``change`` of the net amount of the last 90 days against the 90 before; unknown
        with a tenure below 90 days or where both are 0.
    ``order_days_growth_90d``
        The same of purchase days.
    ``average_order_value_growth_90d``
        The same of net amount per purchase day; unknown unless both windows have a
        purchase day.
    ``net_amount_change_1y_90d``
        ``change`` of the net amount of the last 90 days against the 90 days that ended
        365 days before; unknown with a tenure below 455 days or where both are 0.
    ``category_count_180d``
        Categories with a line that is not a return in the window.
    ``new_category_count_90d``
        Categories whose first line that is not a return lies in the window.
    ``growing_category_rate_90d``, ``declining_category_rate_90d``
        Share of the categories of ``category_count_180d`` whose net amount of the last
        90 days lies above, and below, that of the 90 before by more than a fifth of the
        latter's size; unknown with a tenure below 180 days or without a category.
    ``category_divergence_90d``
        Mean over those categories of ``|change of the category - change of all|``, last
        90 days against the 90 before, weighted by the size of both amounts: 0 where all
        move together, at most 2; unknown in the same cases or where the change of all is.
    ``net_amount_next_90d_last_year``
        Net amount in (as_of - 365 days, as_of - 275 days]; unknown with a tenure below
        365 days.
    ``season_index_next_90d``
        Net amount of all customers in those same days over their mean 90 days of the
        last 365: above 1 before a high season; the same for every customer; cut to
        0..365/90; unknown until the first customer has a tenure of 365 days, or where
        the year's amount is not positive. In a growing company it reads a little low.
    ``season_index_category_next_90d``
        The same index for each category, rounded to six decimals, averaged over the
        customer's categories with a positive net amount in the last 365 days, weighted
        by it; categories sold for less than 365 days are left out.
    ``industry_index_change_12m``
        ``change`` of the mean market index of the customer's industry in the last 90
        days against the 90 days that ended 365 days before; unknown unless both have an
        index and the industry is known.
    ``policy_impact_365d``
        Mean impact of the policies on the customer's industry in the window, cut to
        -1..1; unknown without one, or without a known industry: an industry nobody
        watches is not an industry without policies.
    ``enquiry_count_90d``
        Interactions of the kind enquiry in the window.

    The latest assessment in the window, unknown without one (``assemble``):
    ``expansion_plan_score``, ``capital_strength_score``, ``team_strength_score``,
    ``size_fit_score``, ``digital_maturity_score``.
    """
    parts = [
        _growth(tables),
        _categories(tables),
        _novelties(tables),
        _divergence(tables),
        _mix(tables),
    ]
    if tables.market is not None and tables.customers is not None:
        parts.append(_industry(tables.market, tables.customers))
    if tables.interactions is not None:
        parts.append(_enquiries(tables.interactions))
    return assemble(tables, Dimension.POTENTIAL, *parts)


def _growth(tables: SnapshotTables) -> ir.Table:
    totals = tables.totals
    sums = totals.select(
        "customer_id",
        "first_age",
        "tenure",
        net_now=net_between(totals, 0, 90),
        net_before=net_between(totals, 90, 180),
        net_year=net_between(totals, 0, YEAR),
        days_now=purchase_days(totals, 0, 3),
        days_before=purchase_days(totals, 3, 6),
        next_last_year=net_between(totals, NEXT_90D_LAST_YEAR, YEAR),
        now_last_year=net_between(totals, YEAR, YEAR + 90),
    )
    company = sums.aggregate(
        company_next=sums.next_last_year.sum(),
        company_year=sums.net_year.sum(),
        company_age=sums.first_age.max(),
    )
    sums = sums.cross_join(company)
    average_now = ratio(sums.net_now, sums.days_now)
    average_before = ratio(sums.net_before, sums.days_before)
    known = sums.tenure >= GROWTH_TENURE_DAYS
    compared = average_now.notnull() & average_before.notnull()
    season = _season_index(sums.company_next.fill_null(0), sums.company_year)
    return sums.select(
        "customer_id",
        net_amount_growth_90d=known_if(known, change(sums.net_now, sums.net_before)),
        order_days_growth_90d=known_if(known, change(sums.days_now, sums.days_before)),
        average_order_value_growth_90d=known_if(compared, change(average_now, average_before)),
        net_amount_change_1y_90d=known_if(
            sums.tenure >= YEAR + 90, change(sums.net_now, sums.now_last_year)
        ),
        net_amount_next_90d_last_year=known_if(sums.tenure >= YEAR, sums.next_last_year),
        season_index_next_90d=known_if(sums.company_age >= YEAR, season),
    )


def _season_index(next_90d: ir.DecimalValue, year: ir.DecimalValue) -> ir.FloatingValue:
    return ratio(next_90d * YEAR, positive(year) * 90.0).clip(0.0, YEAR / 90)


def _categories(tables: SnapshotTables) -> ir.Table:
    bought = tables.categories.filter(tables.categories.last_age < 180)
    step, before = bought.net_90d - bought.net_previous_90d, bought.net_previous_90d.abs()
    recent = bought.group_by("customer_id").aggregate(
        category_count_180d=bought.count(),
        growing=bought.count(where=step * 5 > before),
        declining=bought.count(where=-step * 5 > before),
    )
    sums = tables.spine.select("customer_id", "tenure").inner_join(recent, "customer_id")
    known = sums.tenure >= 2 * GROWTH_TENURE_DAYS
    return sums.select(
        "customer_id",
        "category_count_180d",
        growing_category_rate_90d=known_if(known, ratio(sums.growing, sums.category_count_180d)),
        declining_category_rate_90d=known_if(
            known, ratio(sums.declining, sums.category_count_180d)
        ),
    )


def _novelties(tables: SnapshotTables) -> ir.Table:
    first = tables.first_categories.filter(tables.first_categories.first_age < 90)
    return first.group_by("customer_id").aggregate(new_category_count_90d=first.count())


def _divergence(tables: SnapshotTables) -> ir.Table:
    """Weigh |change of a category - change of all| by |now| + |before| of the category.

    The weight cancels the denominator of the category's change, which leaves
    |step x size of all - step of all x weight| over the size of all: decimals, whose sum
    does not depend on the order of rows.
    """
    bought = tables.categories.filter(tables.categories.last_age < 180)
    now, before = bought.net_90d, bought.net_previous_90d
    moves = bought.select(
        "customer_id", now=now, before=before, step=now - before, weight=now.abs() + before.abs()
    )
    totals = moves.group_by("customer_id").aggregate(
        all_now=moves.now.sum(), all_before=moves.before.sum(), all_weight=moves.weight.sum()
    )
    both = moves.inner_join(totals, "customer_id")
    both = both.mutate(
        size=both.all_now.abs() + both.all_before.abs(), all_step=both.all_now - both.all_before
    )
    apart = (both.step * both.size - both.all_step * both.weight).abs()
    sums = both.group_by("customer_id").aggregate(
        apart=apart.sum(), size=both["size"].max(), weight=both.all_weight.max()
    )
    sums = sums.inner_join(tables.spine.select("customer_id", "tenure"), "customer_id")
    return sums.select(
        "customer_id",
        category_divergence_90d=known_if(
            sums.tenure >= 2 * GROWTH_TENURE_DAYS,
            ratio(ratio(sums.apart, sums["size"]), sums.weight),
        ),
    )


def _mix(tables: SnapshotTables) -> ir.Table:
    owned = tables.categories
    sold = owned.group_by("category").aggregate(
        next_90d=owned.net_first_90d.sum(), year=owned.net_365d.sum()
    )
    first = tables.first_categories
    ages = first.group_by("category").aggregate(oldest=first.first_age.max())
    seasons = sold.inner_join(ages.filter(ages.oldest >= YEAR), "category")
    # In millionths: a sum of doubles would depend on the order of rows.
    index = _season_index(seasons.next_90d, seasons.year) * _MILLION
    seasons = seasons.select("category", index=index.round().cast("int32"))
    bought = owned.filter(owned.net_365d > 0)
    own = bought.inner_join(seasons.filter(_.index.notnull()), "category")
    amount = own.net_365d.cast("decimal(38, 4)")  # times the index it outgrows 18 digits
    sums = own.group_by("customer_id").aggregate(
        weighted=(amount * own["index"]).sum(), weight=amount.sum()
    )
    return sums.select(
        "customer_id",
        season_index_category_next_90d=ratio(sums.weighted, sums.weight * _MILLION),
    )


def _industry(market: ir.Table, customers: ir.Table) -> ir.Table:
    # Decimal: a sum of doubles would depend on the order of rows.
    rows = market.mutate(exact=market["value"].cast("decimal(38, 6)"))
    is_index = rows.kind == "index"
    now = is_index & aged(rows.age, 90)
    before = is_index & aged(rows.age, 90, ending=YEAR)
    policy = (rows.kind == "policy") & aged(rows.age, YEAR)
    sums = rows.group_by("industry").aggregate(
        now=ratio(rows.exact.sum(where=now), rows.count(where=now)),
        before=ratio(rows.exact.sum(where=before), rows.count(where=before)),
        impact=ratio(rows.exact.sum(where=policy), rows.count(where=policy)),
    )
    compared = sums.now.notnull() & sums.before.notnull()
    outlook = sums.select(
        "industry",
        industry_index_change_12m=known_if(compared, change(sums.now, sums.before)),
        policy_impact_365d=sums.impact.clip(-1.0, 1.0),
    )
    return customers.select("customer_id", "industry").inner_join(outlook, "industry")


def _enquiries(interactions: ir.Table) -> ir.Table:
    recent = interactions.filter(aged(interactions.age, 90) & (interactions.kind == "enquiry"))
    return recent.group_by("customer_id").aggregate(enquiry_count_90d=recent.count())
