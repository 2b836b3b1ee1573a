"""A snapshot: the source tables as they could be known at one moment.

``as_of`` is the last instant that may have happened, ``known_at`` the last instant at
which we may have learned of it. Dimensions receive :class:`SnapshotTables` and nothing
else, so they cannot see a later row. All instants are naive UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.errors import SnapshotError
from features.ledger import customer_categories, customer_days, spine
from features.windows import instant

if TYPE_CHECKING:
    from features.sources import Sources

# Attributes that a row gains after it occurred, and the instant at which it gains them.
_LATER: Mapping[str, Mapping[str, str]] = {
    "invoices": {"paid_at": "paid_at"},
    "tickets": {
        "first_response_at": "first_response_at",
        "resolved_at": "resolved_at",
        "csat": "resolved_at",
    },
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point on both time axes.

    Attributes
    ----------
    as_of
        A row is visible only if it occurred at or before this instant.
    known_at
        A row is visible only if it was recorded at or before this instant.

    Raises
    ------
    SnapshotError
        If one of them carries a time zone.
    """

    as_of: datetime
    known_at: datetime

    def __post_init__(self) -> None:
        if self.as_of.tzinfo or self.known_at.tzinfo:
            raise SnapshotError(
                "A snapshot takes naive UTC instants, and got one with a time zone.",
                hint="Convert to UTC and drop the time zone.",
                as_of=self.as_of.isoformat(),
                known_at=self.known_at.isoformat(),
            )

    @classmethod
    def at(cls, day: date, known_at: datetime | None = None) -> Snapshot:
        """Return the snapshot at the end of ``day``; ``known_at`` defaults to that instant."""
        as_of = datetime.combine(day, time.max)
        return cls(as_of, as_of if known_at is None else known_at)

    @property
    def day(self) -> date:
        """Calendar day of ``as_of``."""
        return self.as_of.date()

    def cut(self, sources: Sources) -> SnapshotTables:
        """Return the tables as of this snapshot; still lazy.

        Raises
        ------
        SnapshotError
            If the sources begin after ``as_of``.
        """
        if self.day < sources.info.first_day:
            raise SnapshotError(
                f"No order had happened by {self.day}: the first is of {sources.info.first_day}.",
                hint="Choose a later day.",
                as_of=self.as_of.isoformat(),
                first_day=sources.info.first_day.isoformat(),
            )
        orders = self._visible(sources, "orders")
        assert orders is not None  # open_sources refuses sources without orders
        orders = orders.filter(~orders.is_cancelled.fill_null(False))
        orders = orders.mutate(is_return=orders.is_return.fill_null(False))
        mapped = frozenset(
            f"{table}.{column}"
            for table in CONTRACT
            for column in CONTRACT[table].column_names
            if sources.has(f"{table}.{column}")
        )
        days = customer_days(orders, self.as_of)
        customers = spine(days, self.as_of)
        return SnapshotTables(
            as_of=self.as_of,
            known_at=self.known_at,
            mapped=mapped,
            orders=orders,
            invoices=self._visible(sources, "invoices"),
            tickets=self._visible(sources, "tickets"),
            interactions=self._visible(sources, "interactions"),
            customers=self._visible(sources, "customers"),
            ledger=days.join(customers, "customer_id"),
            categories=customer_categories(orders, self.as_of),
            spine=customers,
        )

    def _visible(self, sources: Sources, name: str) -> ir.Table | None:
        table = sources.table(name)
        if table is None:
            return None
        # Only a customer can lack both times; such a row is a fact without a date.
        known = table.filter(_by(table.recorded_at, self.known_at))
        if sources.info.versioned.get(name, False):
            known = latest(known, CONTRACT[name].key)
        moment = known[CONTRACT[name].event_time]
        seen = known.filter(_by(moment, self.as_of))
        masks = {
            column: ibis.ifelse(
                seen[gained] > instant(self.as_of), ibis.null(seen[column].type()), seen[column]
            )
            for column, gained in _LATER.get(name, {}).items()
        }
        return seen.mutate(**masks) if masks else seen


def _by(moment: ir.TimestampColumn, limit: datetime) -> ir.BooleanColumn:
    return moment.isnull() | (moment <= instant(limit))


def latest(table: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Keep the row recorded last of each key.

    It is applied before the cut at ``as_of``: a correction that moves an event to
    another day replaces the event, it does not add one.
    """
    order = ibis.row_number().over(group_by=list(key), order_by=ibis.desc(table.recorded_at))
    return table.mutate(version__=order).filter(lambda t: t.version__ == 0).drop("version__")


@dataclass(frozen=True)
class SnapshotTables:
    """What a dimension may look at.

    Attributes
    ----------
    as_of, known_at
        The snapshot.
    mapped
        Contract columns the source really has, as ``table.column``.
    orders, invoices, tickets, interactions, customers
        Visible rows, cancelled order lines left out; None for a table the source lacks.
    ledger, categories, spine
        Orders by customer and day (with the columns of the spine), by customer and
        category, by customer (``features/ledger.py``). Ledger and spine hold the
        customers with a purchase day, categories hold everybody.
    """

    as_of: datetime
    known_at: datetime
    mapped: frozenset[str]
    orders: ir.Table
    invoices: ir.Table | None
    tickets: ir.Table | None
    interactions: ir.Table | None
    customers: ir.Table | None
    ledger: ir.Table
    categories: ir.Table
    spine: ir.Table

    def has(self, column: str) -> bool:
        """Say whether the source has the contract column ``table.column``."""
        return column in self.mapped
