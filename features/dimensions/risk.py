"""Risk: what could be lost (requirements #10, #13, #15, #20, #28, #29, #70, #77)."""

from __future__ import annotations

import ibis.expr.types as ir

from features.dimensions.assemble import assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.windows import (
    aged,
    as_of_date,
    days_between,
    instant,
    known_if,
    positive,
    ratio,
    within,
)

SECONDS_PER_DAY = 86_400


def risk(tables: SnapshotTables) -> ir.Table:
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
    ``complaint_count_180d``
        Complaints opened in the window.
    ``resolution_days_mean_365d``
        Mean time from opening to resolution, to the second, of the tickets resolved in
        the window.
    ``open_ticket_count``
        Tickets not resolved at as_of.
    ``csat_mean_365d``
        Mean satisfaction of the tickets opened in the window that have one, each
        rounded to six decimals.
    """
    parts = [_rhythm(tables), _intervals(tables), _returns(tables)]
    if tables.invoices is not None:
        parts.append(_payments(tables, tables.invoices))
    if tables.tickets is not None:
        parts.append(_service(tables, tables.tickets))
    return assemble(tables, Dimension.RISK, *parts)


def _rhythm(tables: SnapshotTables) -> ir.Table:
    customers = tables.spine
    since = days_between(as_of_date(tables.as_of), customers.last_day)
    span = days_between(customers.last_day, customers.first_day)
    interval = ratio(span, customers.order_days - 1)
    return customers.select(
        "customer_id",
        days_since_last_order=since,
        recency_to_interval_ratio=ratio(since, interval),
    )


def _intervals(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger.filter(tables.ledger.is_purchase).select("customer_id", "day").distinct()
    before = days.day.lag().over(group_by="customer_id", order_by="day")
    gaps = days.mutate(gap=days_between(days.day, before))
    sums = gaps.group_by("customer_id").aggregate(
        n=gaps.gap.count(),
        total=gaps.gap.sum(),
        squares=(gaps.gap * gaps.gap).sum(),
    )
    # n² times the variance, in whole numbers: no cancellation, no order of summation.
    spread = (sums.n * sums.squares - sums.total * sums.total).cast("float64").sqrt()
    cv = ratio(spread, sums.total)
    return sums.select("customer_id", order_interval_cv=known_if(sums.n >= 2, cv))


def _returns(tables: SnapshotTables) -> ir.Table:
    days = tables.ledger
    sums = days.group_by("customer_id").aggregate(
        bought=days.bought.sum(where=aged(days.age, 365)),
        returned=days.returned.sum(where=aged(days.age, 365)),
    )
    rate = ratio(-sums.returned, positive(sums.bought)).clip(0.0, 1.0)
    return sums.select("customer_id", return_rate_365d=rate)


def _payments(tables: SnapshotTables, invoices: ir.Table) -> ir.Table:
    bills = invoices.filter(invoices.amount > 0)
    wide = bills.amount.cast("decimal(38, 4)")  # times days it outgrows 18 digits
    today = as_of_date(tables.as_of)
    settled = bills.paid_at.fill_null(instant(tables.as_of)).date()
    due = bills.due_at.date()
    bills = bills.mutate(
        issued_in_window=within(bills.occurred_at, tables.as_of, 365),
        due_in_window=within(bills.due_at, tables.as_of, 365),
        weighted=wide * days_between(settled, bills.occurred_at.date()),
        on_time=(bills.paid_at.date() <= due).fill_null(False),
        overdue=bills.paid_at.isnull() & (due < today),
        overdue_days=days_between(today, due),
    )
    sums = bills.group_by("customer_id").aggregate(
        weighted=bills.weighted.sum(where=bills.issued_in_window),
        issued=bills.amount.sum(where=bills.issued_in_window),
        on_time=bills.amount.sum(where=bills.due_in_window & bills.on_time).fill_null(0),
        due=bills.amount.sum(where=bills.due_in_window),
        overdue_amount=bills.amount.sum(where=bills.overdue),
        max_overdue_days=bills.overdue_days.max(where=bills.overdue),
    )
    return sums.select(
        "customer_id",
        "overdue_amount",
        "max_overdue_days",
        dso_days_365d=ratio(sums.weighted, sums.issued),
        on_time_collection_rate_365d=ratio(sums.on_time, sums.due),
    )


def _service(tables: SnapshotTables, tickets: ir.Table) -> ir.Table:
    resolved = within(tickets.resolved_at, tables.as_of, 365)
    tickets = tickets.mutate(
        resolved=resolved.fill_null(False),
        seconds=tickets.resolved_at.delta(tickets.occurred_at, unit="second"),
        complaint=tickets.is_complaint.fill_null(False)
        & within(tickets.occurred_at, tables.as_of, 180),
        # Decimal: a sum of doubles would depend on the order of rows.
        rating=tickets.csat.cast("decimal(18, 6)"),
        rated=tickets.csat.notnull() & within(tickets.occurred_at, tables.as_of, 365),
    )
    sums = tickets.group_by("customer_id").aggregate(
        complaint_count_180d=tickets.count(where=tickets.complaint),
        open_ticket_count=tickets.count(where=tickets.resolved_at.isnull()),
        seconds=tickets.seconds.sum(where=tickets.resolved),
        n_resolved=tickets.count(where=tickets.resolved),
        rating=tickets.rating.sum(where=tickets.rated),
        n_rated=tickets.count(where=tickets.rated),
    )
    return sums.select(
        "customer_id",
        "complaint_count_180d",
        "open_ticket_count",
        resolution_days_mean_365d=ratio(sums.seconds, sums.n_resolved * SECONDS_PER_DAY),
        csat_mean_365d=ratio(sums.rating, sums.n_rated),
    )
