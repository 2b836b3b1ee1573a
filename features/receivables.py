"""What the customer owes and how long it stays unpaid: value and risk both need it (#15)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.windows import aged, ratio


def receivables(invoices: ir.Table) -> ir.Table:
    """Return what the invoices tell of each customer with one that counts.

    Returns
    -------
    ir.Table
        ``customer_id``; ``dso_days_365d``, null without an invoice issued in the window;
        ``overdue_amount``, ``max_overdue_days``, ``on_time_collection_rate_365d`` and
        ``dispute_rate_365d``, as :func:`features.dimensions.risk.risk` defines them.
    """
    owed = _bills(invoices)
    issued, due = aged(owed.age, 365), aged(owed.due_age, 365)
    on_time = due & (owed.paid_age >= owed.due_age).fill_null(False)
    overdue = owed.paid_at.isnull() & (owed.due_age > 0)
    # Most invoices were paid years ago and add nothing.
    owed = owed.filter(issued | due | overdue)
    counted = {
        "on_time": on_time,
        "due": due,
        "overdue": overdue,
        "disputed": issued & owed.is_disputed.fill_null(False),
        "issued": issued,
    }
    sums = owed.group_by("customer_id").aggregate(
        **{name: _sum(owed.amount, where) for name, where in counted.items()},
        max_overdue_days=owed.due_age.max(where=overdue),
        waited=_waited(owed).sum(where=issued),
    )
    return sums.select(
        "customer_id",
        "max_overdue_days",
        overdue_amount=sums.overdue.nullif(0),  # every bill is of more than 0
        dso_days_365d=ratio(sums.waited, sums.issued),
        on_time_collection_rate_365d=ratio(sums.on_time, sums.due),
        dispute_rate_365d=ratio(sums.disputed, sums.issued),
    )


def days_sales_outstanding(invoices: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``dso_days_365d``.

    Mean, weighted by amount, of the calendar days from issue to payment (to as_of while
    unpaid) of the invoices issued in the last 365 days; no row without one.
    """
    issued = _bills(invoices)
    issued = issued.filter(aged(issued.age, 365))
    sums = issued.group_by("customer_id").aggregate(
        waited=_waited(issued).sum(), amount=issued.amount.sum()
    )
    return sums.select("customer_id", dso_days_365d=ratio(sums.waited, sums.amount))


def _sum(amounts: ir.DecimalColumn, where: ir.BooleanColumn) -> ir.DecimalValue:
    # A sum with a condition of its own takes half as long again.
    return ibis.ifelse(where, amounts, ibis.literal(0, amounts.type())).sum()


def _bills(invoices: ir.Table) -> ir.Table:
    """Leave credit notes (amount <= 0) aside."""
    return invoices.filter(invoices.amount > 0)


def _waited(bills: ir.Table) -> ir.DecimalValue:
    open_days = bills.age - bills.paid_age.fill_null(0)
    return bills.amount.cast("decimal(38, 4)") * open_days  # it outgrows 18 digits
