"""Risk in the service a customer asks for: speed, outcome, satisfaction (#28, #84)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.windows import aged, ratio

GOOD_CSAT = 80
"""Satisfaction from which on a rating ends a streak of low ones (#84)."""

SECONDS_PER_DAY = 86_400


def service(tickets: ir.Table) -> ir.Table:
    """Return counts, times and rates of the tickets, one row a customer that has one."""
    opened = aged(tickets.age, 365)
    resolved = aged(tickets.resolved_age, 365).fill_null(False)
    answered = aged(tickets.first_response_age, 365).fill_null(False)
    rated = opened & tickets.csat.notnull()
    complaint = tickets.is_complaint.fill_null(False)
    to_resolve = _seconds(tickets.resolved_at, tickets.occurred_at)
    to_answer = _seconds(tickets.first_response_at, tickets.occurred_at).clip(lower=0)
    sums = tickets.group_by("customer_id").aggregate(
        complaint_count_180d=tickets.count(where=complaint & aged(tickets.age, 180)),
        complaint_count_30d=tickets.count(where=complaint & aged(tickets.age, 30)),
        open_ticket_count=tickets.count(where=tickets.resolved_at.isnull()),
        complaint_open_days=tickets.age.max(where=complaint & tickets.resolved_at.isnull()),
        n_opened=tickets.count(where=opened),
        n_closed=tickets.count(where=opened & tickets.resolved_at.notnull()),
        n_resolved=tickets.count(where=resolved),
        to_resolve=to_resolve.sum(where=resolved),
        n_answered=tickets.count(where=answered),
        to_answer=to_answer.sum(where=answered),
        n_rated=tickets.count(where=rated),
        # Decimal: a sum of doubles would depend on the order of rows.
        rating=tickets.csat.cast("decimal(18, 6)").sum(where=rated),
    )
    return sums.select(
        "customer_id",
        "complaint_count_180d",
        "complaint_count_30d",
        "open_ticket_count",
        "complaint_open_days",
        resolution_days_mean_365d=ratio(sums.to_resolve, sums.n_resolved * SECONDS_PER_DAY),
        first_response_days_mean_365d=ratio(sums.to_answer, sums.n_answered * SECONDS_PER_DAY),
        resolution_rate_365d=ratio(sums.n_closed, sums.n_opened),
        csat_mean_365d=ratio(sums.rating, sums.n_rated),
    )


def streaks(tickets: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``low_csat_streak`` of the customers with a rating."""
    rated = tickets.filter(tickets.csat.notnull())
    moment = ibis.coalesce(rated.resolved_at, rated.occurred_at)
    newer = ibis.row_number().over(
        group_by="customer_id", order_by=[ibis.desc(moment), ibis.desc(rated.ticket_id)]
    )
    rated = rated.select("customer_id", "csat", newer=newer)
    latest = rated.group_by("customer_id").aggregate(
        newer_than_good=rated.newer.min(where=rated.csat >= GOOD_CSAT), n=rated.count()
    )
    return latest.select(
        "customer_id", low_csat_streak=ibis.coalesce(latest.newer_than_good, latest.n)
    )


def _seconds(later: ir.TimestampValue, earlier: ir.TimestampValue) -> ir.IntegerValue:
    """Return the difference in seconds.

    Engines disagree on parts of a second: some count whole seconds passed, some the strokes
    of the clock.
    """
    return later.truncate("s").delta(earlier.truncate("s"), unit="second")
