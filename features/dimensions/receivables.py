"""How long the customer's invoices stay unpaid: what value and risk both need (#15)."""

from __future__ import annotations

import ibis.expr.types as ir

from features.windows import aged, ratio


def bills(invoices: ir.Table) -> ir.Table:
    """Leave credit notes (amount <= 0) aside."""
    return invoices.filter(invoices.amount > 0)


def days_sales_outstanding(invoices: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``dso_days_365d``.

    Mean, weighted by amount, of the calendar days from issue to payment (to as_of while
    unpaid) of the invoices issued in the last 365 days; no row without one.
    """
    issued = bills(invoices)
    issued = issued.filter(aged(issued.age, 365))
    open_days = issued.age - issued.paid_age.fill_null(0)
    wide = issued.amount.cast("decimal(38, 4)")  # times days it outgrows 18 digits
    sums = issued.mutate(weighted=wide * open_days).group_by("customer_id")
    totals = sums.aggregate(weighted=lambda t: t.weighted.sum(), amount=lambda t: t.amount.sum())
    return totals.select("customer_id", dso_days_365d=ratio(totals.weighted, totals.amount))
