"""Measure a few rows by one dimension: the indicators of each customer at each snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from features.backends import connect
from features.dimensions.assemble import Assembly
from features.history import History
from features.snapshot import Snapshot, SnapshotTables
from tests.features.tiny import Row, sources

Values = dict[str, float | None]


def measure(
    dimension: Callable[[SnapshotTables], Assembly],
    rows: Mapping[str, Sequence[Row]],
    *snapshots: Snapshot,
    versioned: Sequence[str] = (),
    unmapped: Sequence[str] = (),
) -> list[dict[str, Values]]:
    """Return the indicators by customer, a dictionary a snapshot in ascending order."""
    link = connect(threads=1)
    made = sources(link, rows, versioned=versioned, unmapped=unmapped)
    found = []
    with History(made, snapshots) as history:
        for snapshot in history.snapshots:
            measured = dimension(history.at(snapshot)).joined()
            named = history.codes.inner_join(measured.rename(code="customer_id"), "code")
            table = link.to_pyarrow(named.drop("code"))
            found.append({row.pop("customer_id"): row for row in table.to_pylist()})
    return found
