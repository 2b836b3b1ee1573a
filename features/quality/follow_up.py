"""The list of customers that a person works off."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from features.quality.customers import YEAR, BoolArray, Customers
from features.quality.flags import missing_counts
from features.quality.jumps import Jumps
from features.quality.report import FollowUp
from features.quality.view import View
from features.schema import FloatArray

_COLUMNS = (
    "customer_id", "name", "owner", "flags", "net_amount", "last_seen", "missing_share", "missing",
    "net_365d", "net_before", "spend_ratio", "day_ratio", "top_day", "top_amount", "top_order",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TopDay:
    """The largest purchase day of a challenged customer; ``lines`` counts its order lines."""

    day: Any
    amount: Decimal
    order: str
    lines: int


def top_days(view: View, who: Customers, challenged: BoolArray) -> dict[str, TopDay]:
    """Look up the largest purchase day of the last 730 of each challenged customer."""
    wanted = who.table["customer_id"].filter(pa.array(challenged))
    if not len(wanted):
        return {}
    lines = view.tables["orders"]
    lines = lines.semi_join(ibis.memtable(pa.table({"customer_id": wanted})), "customer_id")
    sold = ~lines.is_cancelled.fill_null(False) & ~lines.is_return.fill_null(False)
    recent = lines.filter(view.age(lines.occurred_at) < 2 * YEAR)
    recent = recent.mutate(day=recent.occurred_at.date(), sold=sold)
    days = recent.group_by("customer_id", "day").aggregate(
        amount=recent.net_amount.sum(where=recent.sold),
        order=recent.order_id.min(where=recent.sold),
        lines=recent.count(),
    )
    days = days.filter(days.order.notnull())
    place = ibis.row_number().over(
        group_by="customer_id", order_by=[ibis.desc(days.amount), ibis.desc(days.day)]
    )
    tops = days.mutate(place=place).filter(lambda t: t.place == 0)
    return {
        row["customer_id"]: TopDay(row["day"], row["amount"], row["order"], row["lines"])
        for row in view.rows(tops)
    }


def challenged_lines(view: View, who: Customers, jumps: Jumps, tops: Mapping[str, TopDay]) -> int:
    """Count the order lines of unexplained jumps, of listed customers.

    Of a year's jump the lines of that year, of a day's jump those of that day, a line once.
    """
    total = 0
    for i in np.flatnonzero(jumps.challenged & who.listed):
        row = int(i)
        top = tops.get(who.table["customer_id"][row].as_py())
        of_year = bool(jumps.by_spend[row])
        if of_year:
            total += who.table["lines_now"][row].as_py() or 0
        if top is not None and jumps.by_day[row]:
            in_year = (view.snapshot.day - top.day).days < YEAR
            total += 0 if of_year and in_year else top.lines
    return total


def follow_up(
    view: View,
    who: Customers,
    raised: Mapping[str, BoolArray],
    jumps: Jumps,
    tops: Mapping[str, TopDay],
) -> tuple[FollowUp, ...]:
    """Return the flagged customers: most flags first, then largest net amount, then id."""
    count = np.sum([flag.astype(np.int64) for flag in raised.values()], axis=0)
    net = np.nan_to_num(who.number("net"), nan=0.0)
    rows = np.flatnonzero(count)
    rows = rows[np.lexsort((rows, -net[rows], -count[rows]))]
    lacking = missing_counts(who)
    facts = who.table.take(pa.array(rows)).to_pylist()
    return tuple(
        _told(view, who, raised, jumps, tops, int(row), fact, int(lacking[row]))
        for row, fact in zip(rows, facts, strict=True)
    )


def as_csv(listed: Sequence[FollowUp]) -> Iterator[str]:
    """Yield the list as CSV lines; a text that a spreadsheet would run is quoted by ``'``."""
    yield _line(_COLUMNS)
    for customer in listed:
        cells = (getattr(customer, name) for name in _COLUMNS)
        yield _line([_cell(cell) for cell in cells])


def _told(
    view: View,
    who: Customers,
    raised: Mapping[str, BoolArray],
    jumps: Jumps,
    tops: Mapping[str, TopDay],
    row: int,
    fact: Mapping[str, Any],
    lacking: int,
) -> FollowUp:
    top = tops.get(fact["customer_id"])
    seen = who.seen_age[row]
    return FollowUp(
        customer_id=fact["customer_id"],
        name=fact["name"] or "",
        owner=fact["owner"] or "",
        flags=tuple(name for name, flag in raised.items() if flag[row]),
        net_amount=fact["net"] or Decimal(0),
        last_seen=None if np.isnan(seen) else view.snapshot.day - timedelta(days=int(seen)),
        missing_share=lacking / len(who.has),
        missing=tuple(name for name, known in who.has.items() if not known[row]),
        net_365d=fact["now"] or Decimal(0),
        net_before=fact["before"] or Decimal(0),
        spend_ratio=_known(jumps.spend, row),
        day_ratio=_known(jumps.day, row),
        top_day=None if top is None else top.day,
        top_amount=None if top is None else top.amount,
        top_order="" if top is None else top.order,
    )


def _known(ratio: FloatArray, row: int) -> float | None:
    return None if np.isnan(ratio[row]) else float(ratio[row])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value)


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
