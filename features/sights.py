"""What a snapshot sees of each fold: its rows, with days turned into ages."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.ledger import first_categories, one_row_a_day
from features.visibility import latest, visible, with_ages

LATEST = {"assessments": (("customer_id", "kind"), ("occurred_at", "assessment_id"))}
"""Tables of which a snapshot sees only the last row of a group, in an order."""

REACH = {"interactions": 180}
"""Ages at which every window over a table ends: older rows say nothing any more. The rows
then lie by day, so that a snapshot reads those of its windows and no others."""

FOLDS = ("ledger", "lines", "firsts")
"""Folds of the order lines."""

STEADY_FOLDS = ("several", "unsteady", "lives", "beginnings")
"""Folds that only lines without versions have."""

_DAYS = {
    "firsts": {"day": "first_age"},
    "lives": {"first_day": "first_age", "last_day": "last_age"},
}
"""Day columns of the folds, and the ages they become; elsewhere it is ``day`` and ``age``."""


def fold_seen(name: str, rows: ir.Table, place: int, today: int, *, versioned: bool) -> ir.Table:
    """Return what the snapshot at a place of the list sees of a fold of the order lines.

    Parameters
    ----------
    today
        Day number of the snapshot.
    versioned
        Whether lines may occur in several versions.
    """
    rows = visible(rows, place)
    if name == "ledger" and versioned:
        rows = one_row_a_day(rows)
    days = _DAYS.get(name, {"day": "age"})
    now = ibis.literal(today, "int32")
    rows = rows.mutate(**{age: now - rows[day] for day, age in days.items()}).drop(*days)
    return first_categories(rows) if name == "firsts" and versioned else rows


def table_seen(name: str, rows: ir.Table, place: int, today: int, *, versioned: bool) -> ir.Table:
    """Return what the snapshot at a place of the list sees of a table, as :func:`fold_seen`."""
    if name in REACH:
        rows = rows.filter(rows.day > ibis.literal(today, "int32") - REACH[name])
    rows = visible(rows, place)
    if name in LATEST and versioned:
        rows = latest(rows, *LATEST[name])
    return with_ages(rows, CONTRACT[name], today)
