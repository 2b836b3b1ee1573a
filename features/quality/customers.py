"""Everybody who is listed or has an order line: the facts that flags are raised from.

One query for all customers; from there on the report works on columns in memory, one value
a customer, whatever the number of order lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.quality.view import View
from features.schema import FloatArray

BoolArray = npt.NDArray[np.bool_]

ATTRIBUTES = ("name", "industry", "region", "size", "owner", "contact", "order", "interaction")
"""What must be known of a customer (#11): five columns of the customers table; a phone, an
e-mail or a contact person who has not left; an order; an interaction."""

YEAR = 365
_COLUMNS = ("name", "industry", "region", "size", "owner")


@dataclass(frozen=True)
class Customers:
    """One row a customer, sorted by ``customer_id``.

    Attributes
    ----------
    table
        ``customer_id``, ``name``, ``owner``; money, exact: ``net`` (all visible orders),
        ``now`` and ``before`` (the last 365 days, the 365 before them), ``top`` (largest
        purchase day of the last 730) and ``bought`` (of all those days); whole numbers:
        ``lines``, ``lines_now`` (order lines), ``purchase_days`` (of the last 730) and
        ``tenure`` (age of the first purchase day).
    listed
        ``(n,)`` whether the customers table has it; true for all where there is none.
    has
        Attribute to ``(n,)`` whether it is known; only attributes the sources give.
    seen_age
        ``(n,)`` days since the last order, interaction, ticket or payment; NaN for never.
    """

    table: pa.Table
    listed: BoolArray
    has: Mapping[str, BoolArray]
    seen_age: FloatArray

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def number(self, name: str) -> FloatArray:
        """Return a column as float64, ``(n,)``; null becomes NaN."""
        return _number(self.table, name)


def customers(view: View) -> Customers:
    """Gather the facts of all customers; each table is read once."""
    joined = _spend(view)
    if "customers" in view.tables:
        rows = view.tables["customers"].select("customer_id", *_COLUMNS, listed=ibis.literal(True))
        both = joined.outer_join(rows, "customer_id")
        either = ibis.coalesce(both.customer_id, both.customer_id_right)
        joined = both.mutate(customer_id=either).drop("customer_id_right")
    signs = _signs(view)
    for name, part in {**signs, "reachable": _contacts(view)}.items():
        if part is not None:
            joined = joined.left_join(part, "customer_id", rname=f"{{name}}_of_{name}")
            joined = joined.drop(f"customer_id_of_{name}")
    table = view.run(joined.order_by("customer_id"))
    listed = _filled(table, "listed") if "listed" in table.column_names else None
    facts = {"contact": "reachable", "order": "lines", "interaction": "interactions_age"}
    has = {name: _filled(table, facts.get(name, name)) for name in _asked(view)}
    for name in ("name", "owner"):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    ages = [_number(table, f"{name}_age") for name in ("orders", *signs)]
    return Customers(
        table=table,
        listed=np.ones(table.num_rows, dtype=np.bool_) if listed is None else listed,
        has=has,
        seen_age=np.fmin.reduce(ages),
    )


def _asked(view: View) -> list[str]:
    """Return the attributes that the sources give: what nobody records is asked of nobody."""
    given = set(view.given("customers")) & set(_COLUMNS) | {"order"}
    if {"phone", "email"} & set(view.given("customers")) or "contacts" in view.tables:
        given.add("contact")
    if "interactions" in view.tables:
        given.add("interaction")
    return [name for name in ATTRIBUTES if name in given]


def _spend(view: View) -> ir.Table:
    """Fold order lines by customer and day, and the days by customer."""
    lines = view.tables["orders"]
    counted = ~lines.is_cancelled.fill_null(False)
    sold = counted & ~lines.is_return.fill_null(False)
    lines = lines.mutate(age=view.age(lines.occurred_at), sold=sold, counted=counted)
    days = lines.group_by("customer_id", "age").aggregate(
        lines=lines.count(),
        is_purchase=lines.sold.any(),
        net=lines.net_amount.sum(where=lines.counted),
        bought=lines.net_amount.sum(where=lines.sold),
    )
    now, recent = days.age < YEAR, days.is_purchase & (days.age < 2 * YEAR)
    return days.group_by("customer_id").aggregate(
        lines=days.lines.sum(),
        lines_now=days.lines.sum(where=now),
        orders_age=days.age.min(),
        tenure=days.age.max(where=days.is_purchase),
        net=days.net.sum(),
        now=days.net.sum(where=now),
        before=days.net.sum(where=~now & (days.age < 2 * YEAR)),
        purchase_days=days.count(where=recent),
        top=days.bought.max(where=recent),
        bought=days.bought.sum(where=recent),
    )


def _signs(view: View) -> dict[str, ir.Table]:
    """Return by customer the age of the last sign of life, of each table with one (#10)."""
    moments = {"interactions": "occurred_at", "tickets": "occurred_at", "invoices": "paid_at"}
    signs = {}
    for name, moment in moments.items():
        if name in view.tables:
            rows = view.tables[name]
            rows = rows.select("customer_id", age=view.age(rows[moment]))
            signs[name] = rows.group_by("customer_id").aggregate(**{f"{name}_age": rows.age.min()})
    return signs


def _contacts(view: View) -> ir.Table | None:
    """Return the customers that can be reached."""
    ways = []
    if "customers" in view.tables:
        rows = view.tables["customers"]
        ways.append(rows.filter(rows.phone.notnull() | rows.email.notnull()))
    if "contacts" in view.tables:
        rows = view.tables["contacts"]
        ways.append(rows.filter(rows.left_at.isnull()))
    if not ways:
        return None
    found = reduce(lambda left, right: left.union(right), [w.select("customer_id") for w in ways])
    return found.distinct().mutate(reachable=ibis.literal(True))


def _number(table: pa.Table, name: str) -> FloatArray:
    column = table[name].cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _filled(table: pa.Table, name: str) -> BoolArray:
    return np.asarray(table[name].is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
