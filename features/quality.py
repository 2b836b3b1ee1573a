"""How good the sources are at a snapshot: what was refused, what is missing, how fresh it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np

from features.contract import CONTRACT, REASONS
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One source table.

    Attributes
    ----------
    rows
        Accepted rows, of all time.
    refused
        Rows in quarantine by reason.
    visible
        Accepted rows that the snapshot sees.
    first_day, last_day
        Days of the first and last visible event; None where no row has a time.
    age_days
        Days from the last visible event to the snapshot.
    missing
        Share of the visible rows without a value, of each given column (0 to 1).
    absent
        Contract columns that the source does not give, or gives empty in every row.
    """

    rows: int
    refused: Mapping[str, int]
    visible: int
    first_day: date | None
    last_day: date | None
    age_days: int | None
    missing: Mapping[str, float]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The sources of one world at one snapshot.

    Attributes
    ----------
    tables
        Quality of each table that exists.
    absent_tables
        Contract tables that do not.
    customers_with_orders
        Customers with an order line the snapshot sees.
    customers_without_orders
        Customers of the ``customers`` table without one: they get no grade.
    unlisted_customers
        Customers with orders who are not in the ``customers`` table.
    completeness
        Share of graded customers with a value, of each indicator (0 to 1); empty if no
        frame was given.
    """

    world: str
    simulated: bool
    as_of: datetime
    known_at: datetime
    tables: Mapping[str, TableQuality]
    absent_tables: tuple[str, ...]
    customers_with_orders: int
    customers_without_orders: int
    unlisted_customers: int
    completeness: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable values; times in ISO 8601."""
        document = asdict(self)
        document["as_of"] = self.as_of.isoformat()
        document["known_at"] = self.known_at.isoformat()
        document["absent_tables"] = list(self.absent_tables)
        for name, table in self.tables.items():
            days = {"first_day": table.first_day, "last_day": table.last_day}
            document["tables"][name] |= {key: day and day.isoformat() for key, day in days.items()}
            document["tables"][name]["absent"] = list(table.absent)
        return document

    def to_text(self) -> str:
        """Return the report as lines for a terminal."""
        origin = "simulated" if self.simulated else "real"
        lines = [f"{self.world} ({origin}) as of {self.as_of:%Y-%m-%d}"]
        for name, table in self.tables.items():
            lines.append(f"  {name}: {table.visible:,} of {table.rows:,} rows visible")
            if table.age_days is not None:
                lines[-1] += f", {table.first_day} to {table.last_day} ({table.age_days} days old)"
            lines += [f"    refused {n:,}: {REASONS[code][0]}" for code, n in table.refused.items()]
            lines += [f"    {c}: {s:.1%} missing" for c, s in table.missing.items() if s > 0]
            if table.absent:
                lines.append(f"    not given: {', '.join(table.absent)}")
        if self.absent_tables:
            lines.append(f"  no source: {', '.join(self.absent_tables)}")
        lines.append(
            f"  customers: {self.customers_with_orders:,} with orders, "
            f"{self.customers_without_orders:,} listed without orders, "
            f"{self.unlisted_customers:,} with orders but not listed"
        )
        lines += [f"  {k}: {s:.1%} known" for k, s in self.completeness.items() if s < 1]
        return "\n".join(lines)


def quality(
    sources: Sources, snapshot: Snapshot, frame: IndicatorFrame | None = None
) -> QualityReport:
    """Report on the sources at a snapshot.

    Parameters
    ----------
    sources
        Opened sources.
    snapshot
        What may be seen.
    frame
        The indicators of that snapshot, for their completeness.
    """
    visible = {name: _visible(sources, name, snapshot) for name in sources.tables}
    with_orders, without_orders, unlisted = _customers(sources, visible)
    known = {} if frame is None else _completeness(frame)
    return QualityReport(
        world=sources.info.world,
        simulated=sources.info.simulated,
        as_of=snapshot.as_of,
        known_at=snapshot.known_at,
        tables={name: _table(sources, name, rows, snapshot) for name, rows in visible.items()},
        absent_tables=tuple(name for name in CONTRACT if name not in sources.tables),
        customers_with_orders=with_orders,
        customers_without_orders=without_orders,
        unlisted_customers=unlisted,
        completeness=known,
    )


def _visible(sources: Sources, name: str, snapshot: Snapshot) -> ir.Table:
    """Return the rows both time axes allow; a customer without a date is always there."""
    table = sources.tables[name]
    occurred, recorded = table[CONTRACT[name].event_time], table["recorded_at"]
    return table.filter(
        (occurred <= ibis.literal(snapshot.as_of)) | occurred.isnull(),
        (recorded <= ibis.literal(snapshot.known_at)) | recorded.isnull(),
    )


def _table(sources: Sources, name: str, visible: ir.Table, snapshot: Snapshot) -> TableQuality:
    given = sources.info.columns[name]
    day = visible[CONTRACT[name].event_time].date()
    facts = visible.aggregate(
        visible=visible.count(),
        first_day=day.min(),
        last_day=day.max(),
        **{f"missing_{column}": visible[column].isnull().sum() for column in given},
    )
    row = sources.connection.to_pyarrow(facts).to_pylist()[0]
    last = row["last_day"]
    return TableQuality(
        rows=sources.info.rows[name],
        refused=dict(sources.info.quarantined[name]),
        visible=row["visible"],
        first_day=row["first_day"],
        last_day=last,
        age_days=None if last is None else (snapshot.as_of.date() - last).days,
        missing={c: (row[f"missing_{c}"] or 0) / max(row["visible"], 1) for c in given},
        absent=tuple(c for c in CONTRACT[name].column_names if c not in given),
    )


def _customers(sources: Sources, visible: Mapping[str, ir.Table]) -> tuple[int, int, int]:
    """Count customers with orders, listed without orders, and unlisted with orders."""

    def count(rows: ir.Table) -> int:
        return int(sources.connection.to_pyarrow(rows.count()).as_py())

    buyers = visible["orders"].select("customer_id").distinct()
    if "customers" not in visible:
        return count(buyers), 0, 0
    listed = visible["customers"].select("customer_id").distinct()
    return (
        count(buyers),
        count(listed.anti_join(buyers, "customer_id")),
        count(buyers.anti_join(listed, "customer_id")),
    )


def _completeness(frame: IndicatorFrame) -> dict[str, float]:
    if not len(frame):
        return dict.fromkeys(frame.columns, 0.0)
    share = 1 - np.isnan(frame.values).mean(axis=0)
    return {name: float(value) for name, value in zip(frame.columns, share, strict=True)}
