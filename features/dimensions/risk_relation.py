"""Risk in the relation: contact persons, contracts, credit grade (#20, #21)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from features.windows import aged, ratio

_LETTERS = {
    "AAA": 100,
    "AA": 90,
    "A": 80,
    "BBB": 70,
    "BB": 60,
    "B": 50,
    "CCC": 40,
    "CC": 30,
    "C": 20,
    "D": 0,
}
_SIGNS = {"+": 3, "": 0, "-": -3}

CREDIT_SCORES: Mapping[str, float] = MappingProxyType(
    {
        letters + sign: float(min(100, max(0, score + shift)))
        for letters, score in _LETTERS.items()
        for sign, shift in _SIGNS.items()
    }
)
"""Score of each credit grade, 0 to 100. The steps are even down to C; D, a default, is as
far below C as two of them, and a sign never reaches the next letters."""


def changes(contacts: ir.Table) -> ir.Table:
    """Return how often contact persons left and how long the newest one has been there."""
    return contacts.group_by("customer_id").aggregate(
        contact_change_count_730d=contacts.count(where=aged(contacts.left_age, 730)),
        contact_tenure_days=contacts.age.min(where=contacts.left_at.isnull()),
    )


def approvals(contacts: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``approval_level_count`` of the customers that state it."""
    stated = contacts.filter(contacts.approval_levels.notnull())
    place = ibis.row_number().over(
        group_by="customer_id",
        order_by=[ibis.desc(stated.occurred_at), ibis.desc(stated.contact_id)],
    )
    latest = stated.mutate(place=place).filter(lambda t: t.place == 0)
    return latest.select("customer_id", approval_level_count=latest.approval_levels)


def fulfilment(contracts: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``contract_fulfilment_rate_730d`` where it is known."""
    known = contracts.filter(aged(contracts.ends_age, 730) & contracts.is_fulfilled.notnull())
    sums = known.group_by("customer_id").aggregate(
        n=known.count(), fulfilled=known.count(where=known.is_fulfilled)
    )
    return sums.select("customer_id", contract_fulfilment_rate_730d=ratio(sums.fulfilled, sums.n))


def credit(customers: ir.Table) -> ir.Table:
    """Return ``customer_id`` and ``credit_grade_score``; null for an unreadable grade."""
    grade = customers.credit_grade.strip().upper()
    score = grade.cases(*CREDIT_SCORES.items(), else_=ibis.null("float64"))
    return customers.select("customer_id", credit_grade_score=score)
