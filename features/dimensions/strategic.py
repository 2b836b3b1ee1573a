"""Strategic: how deep the relation goes (requirements #13, #21 to #27, #33, #34, #107)."""

from __future__ import annotations

from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from features.dimensions.assemble import Assembly, assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.totals import MONTHS, month
from features.windows import MONTH_DAYS, aged, positive, ratio


def strategic(tables: SnapshotTables) -> Assembly:
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
    ``meeting_count_180d``
        Interactions of the kind meeting in the window.
    ``custom_order_share_365d``
        Net amount of lines made to order over that of all lines in the window, returns
        left aside, cut to 0..1; unknown where that amount is not positive.
    ``contract_renewal_rate_730d``
        Share of the contracts that ended in the window which had been renewed by as_of;
        unknown without one that ended.
    ``active_contract_value``
        Value of the contracts that end after the day of as_of; one without a value
        counts 0.
    ``contract_days_to_end``
        Days until the first end of a contract that runs and was not renewed by as_of;
        unknown without one.
    ``contract_ended_count_730d``
        Contracts that ended in the window.
    ``referral_count_730d``
        Customers who name this one as their referrer and whose first purchase day lies
        in the window: an introduction counts once it has become business.
    ``nps_latest_730d``
        Ten times the latest answer, 0 to 10, to "would you recommend us" in the window;
        of two at the same instant that of the larger identifier; unknown without one.
    ``survey_csat_mean_365d``
        Mean satisfaction of the surveys of the window that have one, each rounded to
        six decimals.

    The latest assessment in the window, unknown without one (``assemble``):
    ``strategic_match_score``, ``co_innovation_score``, ``innovation_cost_share``,
    ``patent_count``, ``rd_spend_rate``, ``industry_standing_score``,
    ``stability_score``, ``word_of_mouth_score``, ``demand_complexity_score``,
    ``esg_score``.
    """
    parts = [_presence(tables), _breadth(tables), _concentration(tables)]
    if tables.interactions is not None:
        parts.append(_contacts(tables.interactions))
    if tables.contracts is not None:
        parts.append(_contracts(tables.contracts))
    if tables.customers is not None:
        parts.append(_referrals(tables, tables.customers))
    if tables.surveys is not None:
        parts += [_recommendation(tables.surveys), _satisfaction(tables.surveys)]
    return assemble(tables, Dimension.STRATEGIC, *parts)


def _presence(tables: SnapshotTables) -> ir.Table:
    sums = tables.totals
    present = [(month(sums, number) > 0).cast("int64") for number in range(MONTHS)]
    existing = ibis.least(sums.first_age // MONTH_DAYS + 1, MONTHS)
    return sums.select(
        "customer_id",
        tenure_days=sums.tenure,
        active_month_share_12m=ratio(reduce(add, present), existing),
        custom_order_share_365d=ratio(sums.custom, positive(sums.bought)).clip(0.0, 1.0),
    )


def _breadth(tables: SnapshotTables) -> ir.Table:
    recent = tables.categories.filter(tables.categories.last_age < 365)
    own = recent.group_by("customer_id").aggregate(own=recent.count())
    sold = recent.select("category").distinct()
    both = own.cross_join(sold.aggregate(everyone=sold.count()))
    return both.select("customer_id", category_breadth_rate_365d=ratio(both.own, both.everyone))


def _concentration(tables: SnapshotTables) -> ir.Table:
    spent = tables.categories.filter(tables.categories.net_365d > 0)
    # Decimal squares: a sum of doubles would depend on the order of rows.
    amount = spent.net_365d.cast("decimal(19, 4)")  # squared it outgrows 18 digits
    sums = spent.group_by("customer_id").aggregate(
        squares=(amount * amount).sum(), total=amount.sum()
    )
    share = ratio(ratio(sums.squares, sums.total), sums.total)
    return sums.select("customer_id", category_concentration_365d=share)


def _contacts(interactions: ir.Table) -> ir.Table:
    recent = interactions.filter(aged(interactions.age, 180))
    inbound = recent.is_inbound.fill_null(False)
    return recent.group_by("customer_id").aggregate(
        outbound_interaction_count_180d=recent.count(where=~inbound),
        inbound_interaction_count_180d=recent.count(where=inbound),
        meeting_count_180d=recent.count(where=recent.kind == "meeting"),
    )


def _contracts(contracts: ir.Table) -> ir.Table:
    ended, running = aged(contracts.ends_age, 730), contracts.ends_age < 0
    sums = contracts.group_by("customer_id").aggregate(
        ended=contracts.count(where=ended),
        renewed=contracts.count(where=ended & contracts.renewed_at.notnull()),
        active_contract_value=contracts["value"].sum(where=running),
        latest_age=contracts.ends_age.max(where=running & contracts.renewed_at.isnull()),
    )
    return sums.select(
        "customer_id",
        "active_contract_value",
        contract_renewal_rate_730d=ratio(sums.renewed, sums.ended),
        contract_days_to_end=-sums.latest_age,
        contract_ended_count_730d=sums.ended,
    )


def _referrals(tables: SnapshotTables, customers: ir.Table) -> ir.Table:
    # The spine decides who has bought: a customers' file may hold prospects and may have
    # been completed after as_of.
    buyers = tables.spine.filter(tables.spine.first_age < 730).select("customer_id")
    named = customers.select("customer_id", "referrer_id").semi_join(buyers, "customer_id")
    named = named.filter(named.referrer_id != named.customer_id)
    return named.group_by(customer_id=named.referrer_id).aggregate(
        referral_count_730d=named.count()
    )


def _recommendation(surveys: ir.Table) -> ir.Table:
    answers = surveys.filter(surveys.nps.notnull() & aged(surveys.age, 730))
    place = ibis.row_number().over(
        group_by="customer_id",
        order_by=[ibis.desc(answers.occurred_at), ibis.desc(answers.survey_id)],
    )
    ranked = answers.select("customer_id", "nps", place=place)
    latest = ranked.filter(ranked.place == 0)
    return latest.select("customer_id", nps_latest_730d=latest.nps * 10.0)


def _satisfaction(surveys: ir.Table) -> ir.Table:
    answers = surveys.filter(surveys.csat.notnull() & aged(surveys.age, 365))
    # Decimal: a sum of doubles would depend on the order of rows.
    rating = answers.csat.cast("decimal(18, 6)")
    return answers.group_by("customer_id").aggregate(
        survey_csat_mean_365d=ratio(rating.sum(), answers.count())
    )
