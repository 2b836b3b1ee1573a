"""Risk: what could be lost (requirements #7, #10, #13, #15, #20, #21, #25, #28, #29, #70, #77)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.dimensions.assemble import Assembly, assemble
from features.dimensions.risk_relation import approvals, changes, credit, fulfilment
from features.dimensions.risk_service import service, streaks
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.totals import REACH_DAYS, net_between
from features.windows import known_if, positive, ratio

FEWEST_OTHER_DAYS = 4
"""Purchase days beside the largest, below which their mean says nothing about a usual one."""


def risk(tables: SnapshotTables) -> Assembly:
    """Return the risk indicators, one row a customer.

    ``days_since_last_order``
        Calendar days from the last purchase day to as_of.
    ``recency_to_interval_ratio``
        That over the mean interval between consecutive purchase days; unknown without a
        second purchase day.
    ``order_interval_cv``
        Population standard deviation of those intervals over their mean; unknown with
        fewer than two intervals.
    ``return_rate_365d``
        Amount returned over amount bought in the window, cut to 0..1; unknown where
        the amount bought is not positive.
    ``largest_order_ratio_730d``
        Amount bought on the largest purchase day of the window over the mean of its other
        purchase days; unknown with fewer than four others or where their mean is 0. Neither
        way is good: a customer ten times its size may have grown or may be a slip (#7).
    ``net_amount_jump_365d``
        Net amount of the last 365 days, at least 0, over that of the 365 before; unknown
        with a tenure below 730 days or where the amount before is not positive. Neither way
        is good; whether somebody has explained it is told by ``jump_explained_365d`` (the
        latest assessment of that kind: 1 explained, 0 not), not by hiding the jump, which
        companies without assessments would lose.
    ``dso_days_365d``
        Mean, weighted by amount, of the calendar days from issue to payment (to as_of
        while unpaid) of the invoices issued in the window; here and below credit notes
        (amount <= 0) are left aside.
    ``on_time_collection_rate_365d``
        Share by amount of the invoices due in the window that were paid by the end of
        the day they were due.
    ``overdue_amount``
        Amount of the invoices unpaid at as_of and due before the day of as_of.
    ``max_overdue_days``
        Most calendar days such an invoice has been overdue.
    ``dispute_rate_365d``
        Share by amount of the invoices issued in the window that are disputed; unknown
        without an invoice.
    ``complaint_count_180d``, ``complaint_count_30d``
        Complaints opened in the window.
    ``resolution_days_mean_365d``
        Mean time from opening to resolution, to the second, of the tickets resolved in
        the window.
    ``first_response_days_mean_365d``
        Mean time from opening to first response, to the second and at least 0, of the
        tickets first answered in the window.
    ``resolution_rate_365d``
        Share of the tickets opened in the window that are resolved at as_of; unknown
        without one.
    ``open_ticket_count``
        Tickets not resolved at as_of.
    ``complaint_open_days``
        Calendar days since the oldest complaint not resolved at as_of was opened; 0
        without one.
    ``csat_mean_365d``
        Mean satisfaction of the tickets opened in the window that have one, each
        rounded to six decimals.
    ``low_csat_streak``
        How many of the latest satisfactions in a row are below 80, in the order of
        resolution (of opening while unresolved, then of ticket number); 0 without one.
    ``ticket_rate_365d``
        Tickets opened in the window per purchase day in it; unknown without a purchase day.
    ``credit_grade_score``
        AAA 100, AA 90, A 80, BBB 70, BB 60, B 50, CCC 40, CC 30, C 20, D 0; a plus adds 3
        and a minus takes 3 away, within 0..100. In any case of letters; a grade that is
        none of these is unknown.
    ``contract_fulfilment_rate_730d``
        Fulfilled share of the contracts that ended in the window and of which it is known;
        unknown without one.
    ``contact_change_count_730d``
        Contact persons who left in the window; unknown without a contact person, for then
        nobody would have noticed.
    ``contact_tenure_days``
        Calendar days since the newest of the present contact persons began; unknown
        without one.
    ``approval_level_count``
        Approval levels of a purchase, from the contact person who began last among those
        that state them, present or gone; unknown without one.
    ``share_of_wallet``, ``competitor_substitution_risk_score``
        Latest assessments of these kinds (``competitor_substitution_risk``) in 730 days.
    """
    parts = [_purchases(tables)]
    if tables.receivables is not None:
        parts.append(tables.receivables)
    if tables.tickets is not None:
        parts += [service(tables.tickets), streaks(tables.tickets)]
    if tables.contacts is not None:
        parts += [changes(tables.contacts), approvals(tables.contacts)]
    if tables.contracts is not None:
        parts.append(fulfilment(tables.contracts))
    if tables.customers is not None:
        parts.append(credit(tables.customers))
    return assemble(tables, Dimension.RISK, *parts)


def _purchases(tables: SnapshotTables) -> ir.Table:
    late = _largest_of_several(tables.several.filter(tables.several.age < REACH_DAYS))
    sums = tables.totals.left_join(late, [tables.totals.customer_id == late.code]).drop("code")
    columns = _rhythm(sums) | _amounts(sums)
    if tables.tickets is None:
        return sums.select("customer_id", **columns)
    tickets = tables.tickets.filter(tables.tickets.age < 365)
    opened = tickets.group_by(code="customer_id").aggregate(opened=tickets.count())
    sums = sums.left_join(opened, [sums.customer_id == opened.code])
    rate = ratio(sums.opened.fill_null(0), sums.order_days_365d)
    return sums.select("customer_id", **columns, ticket_rate_365d=rate)


def _rhythm(sums: ir.Table) -> dict[str, ir.Value]:
    steps, days = sums.order_days - 1, sums.first_age - sums.last_age
    # n² times the variance, in whole numbers: no cancellation, no order of summation.
    spread = (steps * sums.squares - days.cast("int64") * days).cast("float64").sqrt()
    return {
        "days_since_last_order": sums.last_age,
        "recency_to_interval_ratio": ratio(sums.last_age, ratio(days, steps)),
        "order_interval_cv": known_if(steps >= 2, ratio(spread, days)),
    }


def _amounts(sums: ir.Table) -> dict[str, ir.Value]:
    largest = ibis.greatest(sums.largest_row, sums.largest_sum.fill_null(0))
    others = sums.order_days_730d - 1
    usual = ratio(sums.bought_730d - largest, others)
    grown = ratio(net_between(sums, 0, 365), positive(net_between(sums, 365, 730)))
    return {
        "return_rate_365d": ratio(-sums.returned, positive(sums.bought)).clip(0.0, 1.0),
        "largest_order_ratio_730d": known_if(others >= FEWEST_OTHER_DAYS, ratio(largest, usual)),
        "net_amount_jump_365d": known_if(sums.tenure >= 730, grown.clip(lower=0.0)),
    }


def _largest_of_several(days: ir.Table) -> ir.Table:
    """Return the most bought on a day whose records came at several times.

    Such a day has several rows (:func:`features.ledger.several_rows`).
    """
    late = days.filter(days.is_purchase & (days.purchase == 0)).select("customer_id", "age")
    rows = days.semi_join(late, ["customer_id", "age"])
    whole = rows.group_by("customer_id", "age").aggregate(bought=rows.bought.sum())
    return whole.group_by(code="customer_id").aggregate(largest_sum=whole.bought.max())
