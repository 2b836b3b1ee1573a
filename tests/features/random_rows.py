"""Random rows of all ten tables, dense where indicators have their edges.

Window ends, as_of and one microsecond after it, late records, versions of one key, returns
only, a day shared by two orders, attributes gained later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from features.contract import CONTRACT, Column, SourceTable
from features.schema import CATALOGUE
from tests.features.tiny import Row

VERSIONED = ("orders", "invoices", "customers", "contracts")

EDGES = (0, 30, 60, 84, 90, 120, 150, 180, 275, 360, 365, 455, 730)
SLIPS = (timedelta(0), timedelta(microseconds=1), timedelta(hours=11), timedelta(days=1))
CUSTOMERS = st.sampled_from(("ann", "bob", "cy", "dee"))
MONEY = st.sampled_from(tuple(Decimal(a) for a in ("0", "0.01", "12.50", "19.99", "250", "1e6")))
FLAG = st.sampled_from((True, False, False, False))

_KINDS = tuple(sorted({i.assessment for i in CATALOGUE.values() if i.assessment} | {"other"}))
_WORDS: Mapping[str, tuple[str | None, ...]] = {
    "category": ("tea", "salt", None),
    "industry": ("food", "steel", None),
    "credit_grade": ("AAA", "A-", "ccc", "D", "unheard of", None),
    "referrer_id": ("ann", "bob", "nobody", None),
    "interactions.kind": ("call", "visit", "mail", "meeting", "login", "download", "enquiry", None),
    "assessments.kind": _KINDS,
    "market.kind": ("index", "policy"),
}


def moments(as_of: datetime) -> st.SearchStrategy[datetime]:
    """Draw instants, most of them within a day of where a window begins or ends."""
    at_edge = st.builds(
        lambda edge, slip, sign: as_of - timedelta(days=edge) + sign * slip,
        st.sampled_from(EDGES),
        st.sampled_from(SLIPS),
        st.sampled_from((-1, 1)),
    )
    anywhere = st.integers(-40, 800).map(lambda days: as_of - timedelta(days=days, hours=3))
    return st.one_of(at_edge, anywhere)


@st.composite
def tables(draw: st.DrawFn, as_of: datetime) -> dict[str, list[Row]]:
    """Draw rows of every table; orders always have some."""
    rows = {"orders": draw(_orders(as_of))}
    for table in CONTRACT.values():
        if table.name != "orders":
            rows[table.name] = draw(_rows(table, as_of))
    return rows


def _lateness() -> st.SearchStrategy[timedelta]:
    return st.sampled_from((timedelta(0), timedelta(0), timedelta(days=2), timedelta(days=200)))


@st.composite
def _orders(draw: st.DrawFn, as_of: datetime) -> list[Row]:
    rows: list[Row] = []
    for number in range(draw(st.integers(6, 24))):
        moment, is_return, amount = draw(moments(as_of)), draw(FLAG), draw(MONEY)
        first = {
            "order_id": f"O{number}",
            "customer_id": draw(CUSTOMERS),
            "occurred_at": moment,
            "recorded_at": moment + draw(_lateness()),
            "net_amount": -amount if is_return else amount,
            "discount": draw(st.none() | MONEY),
            "rebate": draw(st.none() | MONEY),
            "cost": draw(st.none() | MONEY),
            "category": draw(st.sampled_from(_WORDS["category"])),
            "is_return": is_return,
            "is_cancelled": draw(FLAG),
            "is_custom": draw(FLAG),
        }
        rows.append(first)
        if draw(FLAG):
            later = first["recorded_at"] + timedelta(days=draw(st.integers(1, 90)))
            rows.append(first | {"recorded_at": later, "is_cancelled": draw(FLAG)})
    return rows


@st.composite
def _rows(draw: st.DrawFn, table: SourceTable, as_of: datetime) -> list[Row]:
    rows: list[Row] = []
    keys = set()
    for number in range(draw(st.integers(0, 8))):
        moment = draw(moments(as_of))
        row: dict[str, object] = {table.event_time: moment}
        for column in table.columns:
            if column.name in (table.event_time, "recorded_at", "currency"):
                continue
            row[column.name] = draw(_cell(table, column, moment, number))
        row["recorded_at"] = moment + draw(_lateness())
        key = tuple(row[name] for name in table.key)
        if key in keys:
            continue
        keys.add(key)
        rows.append(row)
        if table.name in VERSIONED and draw(FLAG):
            again = moment + timedelta(days=210 + draw(st.integers(0, 60)))
            other = {
                c.name: draw(_cell(table, c, moment, number))
                for c in table.columns
                if c.known_from is not None or c.kind == "money" or c.name == "industry"
            }
            rows.append(row | other | {"recorded_at": again})
    return rows


def _cell(
    table: SourceTable, column: Column, moment: datetime, number: int
) -> st.SearchStrategy[object]:
    words = _WORDS.get(f"{table.name}.{column.name}", _WORDS.get(column.name))
    if column.name == "customer_id":
        return CUSTOMERS
    if words is not None:
        return st.sampled_from(tuple(w for w in words if w is not None or not column.required))
    if column.kind == "text":
        return st.just(f"{table.name}-{number}")
    if column.kind == "boolean":
        return st.booleans() if column.default is not None else st.none() | st.booleans()
    if column.kind == "money":
        return MONEY if column.required else st.none() | MONEY
    if column.kind == "timestamp":
        after = st.sampled_from((0, 0, 1, 30, 60, 200, 365, 700)).map(
            lambda days: moment + timedelta(days=days)
        )
        return after if column.required else st.none() | after
    bounds = {"min_value": column.minimum or 0.0, "max_value": column.maximum or 120.0}
    # Two decimals: what people enter, and never the dust of the smallest double.
    value = st.floats(**bounds, allow_nan=False).map(lambda x: round(x, 2))
    return value if column.required else st.none() | value
