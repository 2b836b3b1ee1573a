"""The sources folded once for a list of snapshots, and each snapshot's view of them.

Folding reads every source row once, whatever the number of snapshots; a snapshot then reads
the folds. The relations a snapshot looks at keep their names from one snapshot to the next,
so that the SQL of all indicators is written and planned against the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Self

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.backends import batches, compiled, drop, keep, view
from features.composition import Lay, snapshot_tables
from features.contract import CONTRACT
from features.errors import SnapshotError
from features.ledger import (
    CATEGORY_DAYS,
    customer_days,
    day_number,
    first_purchases,
    number_of,
    out_of_order,
    several_rows,
    steady_steps,
    unsteady_rows,
)
from features.sights import FOLDS, LATEST, REACH, STEADY_FOLDS, fold_seen, table_seen
from features.snapshot import Snapshot, SnapshotTables, ascending
from features.totals import beginnings, lives
from features.visibility import named, numbered, seen_columns, superseded, times

if TYPE_CHECKING:
    from features.sources import Sources

_SERIAL = count()

Turn = Callable[[str], str]
"""Turns SQL written for one snapshot to that of another."""

_OTHERS = tuple(name for name in CONTRACT if name != "orders")

# Stand for the position and the day number of a snapshot in SQL that is written once. No
# other number of a view is as large.
_PLACE, _TODAY = "1987654321", "1987654322"


class History:
    """Sources folded for a list of snapshots; a context manager that owns its relations.

    Parameters
    ----------
    sources
        Opened sources.
    snapshots
        In any order; the same order must hold on both time axes.

    Raises
    ------
    SnapshotError
        If there is no snapshot, one lies before the first order, or the two time axes
        order the snapshots differently.
    """

    def __init__(self, sources: Sources, snapshots: Sequence[Snapshot]) -> None:
        self.sources = sources
        self.connection = sources.connection
        self.snapshots = ascending(snapshots, sources.info.first_day)
        self._prefix = f"history_{next(_SERIAL)}"
        self._kept: list[str] = []
        self._views: list[str] = []
        self._folded: list[tuple[str, ir.Table | str]] = []
        self._sights: dict[str, str] = {}
        self._at: Snapshot | None = None
        self._tables: SnapshotTables | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.close)
            self._fold()
            undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the relations."""
        drop(self.connection, views=self._views, tables=self._kept)
        self._kept, self._views, self._tables, self._at = [], [], None, None

    @property
    def codes(self) -> ir.Table:
        """Customers with an order line some snapshot sees: ``customer_id`` and ``code``."""
        return self._relation("codes")

    def customers(self) -> pa.Array:
        """Return their ids, as text, in the order of their codes, which count from 0."""
        ids = batches(self.connection, compiled(self.connection, self.codes.order_by("code")))
        return ids.read_all()["customer_id"].combine_chunks()

    def at(self, snapshot: Snapshot) -> SnapshotTables:
        """Turn the view to a snapshot, and return its tables.

        The tables of the snapshot before are the same relations: use one at a time.

        Raises
        ------
        SnapshotError
            If the snapshot is not one of the history.
        """
        if snapshot not in self.snapshots:
            raise SnapshotError(
                f"The history was not folded for {snapshot.day}.",
                hint="Name all snapshots when the history is made.",
                as_of=snapshot.as_of.isoformat(),
            )
        if snapshot != self._at:
            self._look(snapshot, "now")
            self._at = snapshot
        return self.tables

    @property
    def tables(self) -> SnapshotTables:
        """The tables of the present snapshot."""
        if self._tables is None:
            self._tables = self._relations()
        return self._tables

    def laid(self) -> tuple[SnapshotTables, Mapping[str, str]]:
        """Return the tables of the present snapshot, some of them relations to be made first.

        They are what many indicators read: their SQL comes by name, in the order in which to
        make them.
        """
        made: dict[str, str] = {}

        def lay(name: str, rows: ir.Table) -> ir.Table:
            relation = f"{self._prefix}_now_{name}"
            made[relation] = compiled(self.connection, rows)
            return ibis.table(rows.schema(), name=relation)

        return self._relations(lay), made

    def beside(self, snapshot: Snapshot) -> Turn:
        """Return what turns SQL written for the present snapshot to that of another one.

        It reads relations of its own, so it may run while the view is turned elsewhere.
        """
        place = self.snapshots.index(snapshot)
        self._look(snapshot, f"at_{place}")
        now, then = f"{self._prefix}_now_", f"{self._prefix}_at_{place}_"
        return lambda sql: sql.replace(now, then)

    def run(self, expression: ir.Table) -> pa.RecordBatchReader:
        """Run an expression over the tables of the present snapshot."""
        return batches(self.connection, compiled(self.connection, expression))

    def refold(self) -> None:
        """Fold again, for the same snapshots, what the relations of the sources hold by now.

        The SQL is written once: for few rows that is nearly all the work. Whether a key has
        versions must be as it was.
        """
        link = self.connection
        for place, (name, rows) in enumerate(self._folded):
            sql = rows if isinstance(rows, str) else compiled(link, rows)
            self._folded[place] = name, sql
            keep(link, f"{self._prefix}_{name}", sql)
        for name in ("days", "steps"):
            self._forget(name)

    def _fold(self) -> None:
        lines = self._seen("orders")
        lines = lines.filter(~lines.is_cancelled.fill_null(False))
        lines = lines.mutate(
            is_return=lines.is_return.fill_null(False),
            is_custom=lines.is_custom.fill_null(False),
            day=day_number(lines.occurred_at),
        )
        self._keep("days", customer_days(lines))
        days = self._relation("days")
        buyers = days.select("customer_id").distinct()
        code = ibis.row_number().over(order_by=buyers.customer_id).cast("int32")
        self._keep("codes", buyers.select("customer_id", code=code))
        # By customer: the sums of a snapshot then meet one customer after the other.
        self._keep("ledger", self._coded(days).order_by("customer_id", "day"))
        self._forget("days")  # by text ids
        self._fold_categories(lines)
        if not self._versioned("orders"):
            ledger = self._relation("ledger")
            self._keep("restless", out_of_order(ledger))
            self._keep("several", several_rows(ledger))
            self._keep("unsteady", unsteady_rows(ledger, self._relation("restless")))
            self._keep("steps", steady_steps(ledger, self._relation("restless")))
            self._keep("lives", lives(ledger, self._relation("steps")))
            self._forget("steps")  # the lives tell what they add up to
            self._keep("beginnings", beginnings(ledger, self._relation("lives")))
        for name in _OTHERS:
            if self.sources.table(name) is not None:
                self._keep(name, self._numbered(name))

    def _fold_categories(self, lines: ir.Table) -> None:
        known = lines.filter(lines.category.notnull())
        names = known.select("category").distinct()
        number = ibis.row_number().over(order_by=names.category).cast("int32")
        self._keep("categories", names.select("category", number=number))
        known = known.inner_join(self._relation("categories"), "category").drop("category")
        known = self._coded(known).select(
            "customer_id",
            "day",
            "is_return",
            *seen_columns(known),
            category="number",
            net="net_amount",
        )
        self._keep("firsts", first_purchases(known))
        earliest = number_of(self.snapshots[0].day) - CATEGORY_DAYS
        self._keep("lines", known.filter(known.day > earliest))

    def _seen(self, name: str) -> ir.Table:
        rows, table = self.sources.tables[name], CONTRACT[name]
        return numbered(rows, table, self.snapshots, versioned=self._versioned(name))

    def _versioned(self, name: str) -> bool:
        return self.sources.info.versioned.get(name, False)

    def _numbered(self, name: str) -> ir.Table:
        """Return the seen rows of a table with the day number of each of its times."""
        table, rows = CONTRACT[name], self._seen(name)
        days = {named(c, "day"): day_number(rows[c]) for c in times(table)}
        kept = [c.name for c in table.columns if not c.pii and c.name != "recorded_at"]
        rows = rows.select(*kept, *seen_columns(rows), **days)
        rows = self._coded(rows) if table.has_customer else rows
        if name in REACH:
            earliest = number_of(self.snapshots[0].day) - REACH[name]
            rows = rows.filter(rows.day > earliest).order_by("day", "customer_id")
        if name in LATEST and not self._versioned(name):
            return superseded(rows, *LATEST[name])
        if "referrer_id" not in rows.columns:
            return rows
        referrers = self.codes.select(referrer_id="customer_id", referrer="code")
        rows = rows.left_join(referrers, "referrer_id")
        return rows.drop("referrer_id", "referrer_id_right").rename(referrer_id="referrer")

    def _coded(self, rows: ir.Table) -> ir.Table:
        coded = rows.inner_join(self.codes, "customer_id").drop("customer_id")
        return coded.rename(customer_id="code")

    def _look(self, snapshot: Snapshot, name: str) -> None:
        """Make the views of what a snapshot sees, called ``{name}_{table}``."""
        link = self.connection
        if not self._sights:
            self._sights = {table: compiled(link, rows) for table, rows in self._looks().items()}
        place, today = self.snapshots.index(snapshot), number_of(snapshot.day)
        for table, sql in self._sights.items():
            relation = f"{self._prefix}_{name}_{table}"
            view(link, relation, sql.replace(_PLACE, str(place)).replace(_TODAY, str(today)))
            if relation not in self._views:
                self._views.append(relation)

    def _looks(self) -> dict[str, ir.Table]:
        """Return what a snapshot at _PLACE on day _TODAY sees of each kept relation."""
        lines_versioned = self._versioned("orders")
        folds = (*FOLDS, *(() if lines_versioned else STEADY_FOLDS))
        at = int(_PLACE), int(_TODAY)
        looks = {
            name: fold_seen(name, self._relation(name), *at, versioned=lines_versioned)
            for name in folds
        }
        return looks | {
            name: table_seen(name, self._relation(name), *at, versioned=self._versioned(name))
            for name in _OTHERS
            if self.sources.table(name) is not None
        }

    def _relations(self, lay: Lay | None = None) -> SnapshotTables:
        seen = {name: self._relation(f"now_{name}") for name in self._sights}
        versioned = self._versioned("orders")
        return snapshot_tables(seen, self.sources.mapped(), versioned=versioned, lay=lay)

    def _relation(self, name: str) -> ir.Table:
        return self.connection.table(f"{self._prefix}_{name}")

    def _keep(self, name: str, expression: ir.Table) -> None:
        relation = f"{self._prefix}_{name}"
        keep(self.connection, relation, expression)
        self._kept.append(relation)
        self._folded.append((name, expression))

    def _forget(self, name: str) -> None:
        drop(self.connection, views=[], tables=[f"{self._prefix}_{name}"])
