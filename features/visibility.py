"""Which snapshots see which row: both time axes as two whole numbers a row.

For a list of snapshots that grow on both axes, the snapshots that see a row are a run of
the list: from the first one late enough to a correction of the row, or to the end. So the
source is read once for all of them, and a snapshot picks its rows by comparing integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.contract import SourceTable
from features.snapshot import Snapshot
from features.windows import instant

SEEN_FROM = "seen_from"
SEEN_UNTIL = "seen_until"

POSITIONS = 10_000
"""More than the snapshots of one history."""


def numbered(
    rows: ir.Table, table: SourceTable, snapshots: Sequence[Snapshot], *, versioned: bool
) -> ir.Table:
    """Add the run of snapshots that see each row, and leave out rows that none sees.

    A row is seen by a snapshot if it occurred by ``as_of``, was recorded by ``known_at``,
    and no later version of it was recorded by then. The version is chosen before the cut at
    ``as_of``: a correction that moves an event to another day replaces the event, it does
    not add one. A row without a time (only a customer can lack one) is a fact without a date.

    Parameters
    ----------
    rows
        A contract table.
    snapshots
        Ascending on both axes.
    versioned
        Whether a key may occur in several versions.

    Returns
    -------
    ir.Table
        The rows with ``seen_from``, the position of the first snapshot that sees the row,
        and, if versioned, ``seen_until``, the position of the first that no longer does.
    """
    as_of = [snapshot.as_of for snapshot in snapshots]
    known_at = [snapshot.known_at for snapshot in snapshots]
    occurred = position(rows[table.event_time], as_of)
    recorded = position(rows.recorded_at, known_at)
    seen = rows.mutate(**{SEEN_FROM: ibis.greatest(occurred, recorded)})
    if not versioned:
        return seen.filter(seen[SEEN_FROM] < len(snapshots))
    following = rows.recorded_at.lead().over(group_by=list(table.key), order_by="recorded_at")
    until = ibis.ifelse(following.isnull(), len(snapshots), position(following, known_at))
    seen = seen.mutate(**{SEEN_UNTIL: until.cast("int32")})
    return seen.filter(seen[SEEN_FROM] < seen[SEEN_UNTIL])


def visible(rows: ir.Table, place: int) -> ir.Table:
    """Keep what the snapshot at a position of the list sees; drop the two numbers."""
    kept = rows.filter(rows[SEEN_FROM] <= place)
    if SEEN_UNTIL in rows.columns:
        kept = kept.filter(kept[SEEN_UNTIL] > place).drop(SEEN_UNTIL)
    return kept.drop(SEEN_FROM)


def seen_columns(rows: ir.Table) -> list[str]:
    """Return which of the two numbers the rows carry."""
    return [name for name in (SEEN_FROM, SEEN_UNTIL) if name in rows.columns]


def superseded(rows: ir.Table, group: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Let a row go when a snapshot sees a later one of its group; for rows without versions.

    So every snapshot sees at most one row of a group, the last in the given order.
    """
    later = ibis.window(group_by=list(group), order_by=list(order), following=(1, None))
    until = rows[SEEN_FROM].min().over(later).fill_null(POSITIONS).cast("int32")
    rows = rows.mutate(**{SEEN_UNTIL: until})
    return rows.filter(rows[SEEN_FROM] < rows[SEEN_UNTIL])


def latest(rows: ir.Table, group: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Keep the last row of each group, in the given order, of rows a snapshot has chosen."""
    place = ibis.row_number().over(
        group_by=list(group), order_by=[ibis.desc(name) for name in order]
    )
    ranked = rows.mutate(place=place)
    return ranked.filter(ranked.place == 0).drop("place")


def times(table: SourceTable) -> list[str]:
    """Return the time columns of a table but that of its recording."""
    return [name for name in table.of_kind("timestamp") if name != "recorded_at"]


def named(time: str, what: str) -> str:
    """Return ``paid_age`` for ``paid_at``, and plain ``age`` for the time of the event."""
    return what if time == "occurred_at" else f"{time.removesuffix('_at')}_{what}"


def with_ages(rows: ir.Table, table: SourceTable, today: int) -> ir.Table:
    """Turn days into ages, and hide what was not known at the end of ``today``."""
    ages = {
        named(time, "age"): ibis.literal(today, "int32") - rows[named(time, "day")]
        for time in times(table)
    }
    aged = rows.mutate(**ages).drop(*(named(time, "day") for time in times(table)))
    hidden: dict[str, ir.Value] = {}
    for column in table.columns:
        if column.known_from is None or column.name not in rows.columns:
            continue
        hidden[column.name] = _hide(aged, column.name, column.known_from)
        if column.kind == "timestamp":
            age = named(column.name, "age")
            hidden[age] = _hide(aged, age, column.known_from)
    return aged.mutate(**hidden) if hidden else aged


def _hide(rows: ir.Table, column: str, known_from: str) -> ir.Value:
    later = rows[named(known_from, "age")] < 0
    return ibis.ifelse(later.fill_null(False), ibis.null(rows[column].type()), rows[column])


def position(moment: ir.TimestampValue, limits: Sequence[datetime]) -> ir.IntegerValue:
    """Return how many of the ascending limits lie before a moment; 0 for an unknown one."""
    return ibis.ifelse(moment.isnull(), 0, _search(moment, limits, 0, len(limits))).cast("int32")


def _search(
    moment: ir.TimestampValue, limits: Sequence[datetime], low: int, high: int
) -> ir.IntegerValue:
    """Search by halves: five comparisons a row for 24 snapshots instead of 24."""
    if low == high:
        return ibis.literal(low)
    middle = (low + high) // 2
    return ibis.ifelse(
        moment <= instant(limits[middle]),
        _search(moment, limits, low, middle),
        _search(moment, limits, middle + 1, high),
    )
