"""A snapshot: one day on the time axis of events, one instant on that of knowledge.

``as_of`` is the last instant that may have happened, the end of a day; ``known_at`` the last
instant at which we may have learned of it. Dimensions receive :class:`SnapshotTables` and
nothing else, so they cannot see a later row. All instants are naive UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise

import ibis.expr.types as ir

from features.errors import SnapshotError


@dataclass(frozen=True, slots=True, order=True)
class Snapshot:
    """A point on both time axes.

    Attributes
    ----------
    as_of
        A row is visible only if it occurred at or before this instant, the last of a day.
    known_at
        A row is visible only if it was recorded at or before this instant.

    Raises
    ------
    SnapshotError
        If one of them carries a time zone, or ``as_of`` is not the end of a day.
    """

    as_of: datetime
    known_at: datetime

    def __post_init__(self) -> None:
        told = {"as_of": self.as_of.isoformat(), "known_at": self.known_at.isoformat()}
        if self.as_of.tzinfo or self.known_at.tzinfo:
            raise SnapshotError(
                "A snapshot takes naive UTC instants, and got one with a time zone.",
                hint="Convert to UTC and drop the time zone.",
                **told,
            )
        if self.as_of.time() != time.max:
            raise SnapshotError(
                f"A snapshot looks at whole days, and {self.as_of} is not the end of one.",
                hint="Use Snapshot.at(day).",
                **told,
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


def ascending(snapshots: Iterable[Snapshot], first_day: date) -> tuple[Snapshot, ...]:
    """Return different snapshots in their order, which must be the same on both time axes.

    Raises
    ------
    SnapshotError
        If there is none, one lies before ``first_day``, the day of the first order, or the
        two axes order them differently.
    """
    ordered = tuple(sorted(set(snapshots)))
    if not ordered:
        raise SnapshotError("A history needs a snapshot.", hint="Give at least one day.")
    first = ordered[0]
    if first.day < first_day:
        raise SnapshotError(
            f"No order had happened by {first.day}: the first is of {first_day}.",
            hint="Choose a later day.",
            as_of=first.as_of.isoformat(),
            first_day=first_day.isoformat(),
        )
    for earlier, later in pairwise(ordered):
        if later.known_at < earlier.known_at:
            raise SnapshotError(
                f"The snapshot of {later.day} is known earlier than that of {earlier.day}.",
                hint="Publish them one after the other, or with one known_at.",
                as_of=later.as_of.isoformat(),
                known_at=later.known_at.isoformat(),
            )
    return ordered


@dataclass(frozen=True)
class SnapshotTables:
    """What a dimension may look at: visible rows, and time as age.

    An age is the number of whole calendar days before ``as_of``, 0 for its own day and
    negative for a day to come; ``occurred_at`` has the age ``age``, ``paid_at`` has
    ``paid_age``. ``customer_id`` is a whole number in the order of the text ids; customers
    without any order line are left out of all tables.

    Attributes
    ----------
    mapped
        Contract columns the source really has, as ``table.column``.
    several
        Orders by customer and day, where a purchase day has several rows: at least those of
        such days (:func:`features.ledger.several_rows`).
    categories, first_categories
        Order lines of the last 365 days with a category (a whole number) by customer and
        category (:func:`features.ledger.categories`); the first purchase of each category.
    spine, windows, totals
        By customer: first and last purchase day and sums of the whole life; sums of the last
        365 days, also of those who only returned goods; for the customers of the spine both
        of them, sums of the 365 days before, and the intervals between purchase days.
    receivables
        By customer: what the invoices tell (:func:`features.receivables.receivables`); None
        for a source without them.
    invoices, tickets, interactions, contacts, contracts, surveys, assessments, customers
        Visible rows; None for a table the source lacks.
    market
        Visible rows of the market, which belong to no customer; None likewise.
    """

    mapped: frozenset[str]
    several: ir.Table
    categories: ir.Table
    first_categories: ir.Table
    spine: ir.Table
    windows: ir.Table
    totals: ir.Table
    receivables: ir.Table | None = None
    invoices: ir.Table | None = None
    tickets: ir.Table | None = None
    interactions: ir.Table | None = None
    contacts: ir.Table | None = None
    contracts: ir.Table | None = None
    surveys: ir.Table | None = None
    assessments: ir.Table | None = None
    customers: ir.Table | None = None
    market: ir.Table | None = None

    def has(self, column: str) -> bool:
        """Say whether the source has the contract column ``table.column``."""
        return column in self.mapped
