"""Execute snapshots and write them to Parquet: the only place where indicators are run.

A published folder holds ``indicators/<day>.parquet``, ``outcomes/<day>-<h>d.parquet``
and ``manifest.json``. Every file is whole or absent, and the manifest follows each
file, so that a run which was killed is taken up where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import outcomes as later
from features.errors import DataError, SnapshotError
from features.frame import indicator_frame
from features.manifest import Entry, Manifest, catalogue_hash, code_hash, file_hash
from features.parquet import (
    PART_SUFFIX,
    Outcomes,
    floats,
    read_frame,
    strings,
    write_frame,
    write_outcomes,
)
from features.schema import CATALOGUE, IndicatorFrame
from features.snapshot import Snapshot

if TYPE_CHECKING:
    from features.sources import Sources

_INDICATORS, _OUTCOMES = "indicators", "outcomes"

Progress = Callable[[str, int, int], None]
"""Called with the file just finished, how many are done, and how many there are."""


def materialise(sources: Sources, snapshot: Snapshot) -> IndicatorFrame:
    """Compute the indicators of every customer at a snapshot, sorted by customer.

    Raises
    ------
    SnapshotError
        If no order had happened, or none was known, at the snapshot.
    """
    result = sources.connection.to_pyarrow(indicator_frame(sources, snapshot))
    if result.num_rows == 0:
        raise SnapshotError(
            f"No purchase up to {snapshot.day} was known at {snapshot.known_at}.",
            hint="Choose a later known_at.",
            as_of=snapshot.as_of.isoformat(),
            known_at=snapshot.known_at.isoformat(),
        )
    result = result.sort_by("customer_id")
    columns = tuple(CATALOGUE)
    return IndicatorFrame(
        as_of=snapshot.day,
        customer_id=strings(result, "customer_id"),
        columns=columns,
        values=np.column_stack([floats(result, name) for name in columns]),
    )


def realised(sources: Sources, snapshot: Snapshot, horizon_days: int) -> Outcomes:
    """Compute what the customers of a snapshot did in the horizon after it.

    The customers and their order are those of :func:`materialise`.

    Raises
    ------
    SnapshotError
        If the horizon is not over by the last order of the data.
    """
    table = later.outcome_table(sources, snapshot, horizon_days)
    spine = sources.connection.to_pyarrow(snapshot.cut(sources).spine.select("customer_id"))
    customers = strings(spine.sort_by("customer_id"), "customer_id")
    return _aligned(sources.connection.to_pyarrow(table), customers, snapshot, horizon_days)


def _aligned(
    table: pa.Table, customers: npt.NDArray[np.str_], snapshot: Snapshot, horizon_days: int
) -> Outcomes:
    """Put what was bought in the horizon beside the customers; nothing bought is 0."""
    position = {customer: k for k, customer in enumerate(customers.tolist())}
    found = [position.get(customer, -1) for customer in table["customer_id"].to_pylist()]
    rows = np.array(found, dtype=np.intp)
    known = rows >= 0
    order_days, net_value = np.zeros(len(customers)), np.zeros(len(customers))
    order_days[rows[known]] = floats(table, "order_days")[known]
    net_value[rows[known]] = floats(table, "net_value")[known]
    return Outcomes(
        as_of=snapshot.day,
        horizon_days=horizon_days,
        customer_id=customers,
        churned=order_days == 0,
        net_value=net_value,
    )


def publish(
    sources: Sources,
    out_dir: Path,
    days: Sequence[date],
    horizons: Sequence[int],
    *,
    known_at: datetime | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write indicators and outcomes of snapshots; skip what is there already.

    A file is kept if the manifest says it was made from the same sources by the same
    catalogue and code at the same snapshot, and its digest still holds. Files of other
    sources or code are removed. One process may publish to a folder at a time.

    Parameters
    ----------
    days
        Snapshot days; each snapshot is the end of its day.
    horizons
        Outcome horizons in days; a horizon the data does not close is left out.
    known_at
        Known-at instant of all snapshots; None takes each snapshot's own end.
    progress
        Called after each file.

    Raises
    ------
    SnapshotError
        If a day lies before the first order.
    DataError
        If no day is given.
    """
    if not days:
        raise DataError("There is no snapshot day to publish.", hint="Give at least one day.")
    manifest = _take_up(out_dir, _empty(sources))
    jobs = _plan(sources, days, horizons, known_at)
    for done, (name, (snapshot, horizon)) in enumerate(jobs.items(), start=1):
        if not _stands(out_dir, name, manifest.entries.get(name), snapshot):
            entry = _write(sources, out_dir, name, snapshot, horizon)
            entries = dict(manifest.entries) | {name: entry}
            manifest = replace(manifest, entries=dict(sorted(entries.items())))
            manifest.save(out_dir)
        if progress is not None:
            progress(name, done, len(jobs))
    return manifest


def indicators_name(day: date) -> str:
    """Return the path of an indicator file inside a published folder."""
    return f"{_INDICATORS}/{day.isoformat()}.parquet"


def outcomes_name(day: date, horizon_days: int) -> str:
    """Return the path of an outcomes file inside a published folder."""
    return f"{_OUTCOMES}/{day.isoformat()}-{horizon_days}d.parquet"


def _plan(
    sources: Sources, days: Sequence[date], horizons: Sequence[int], known_at: datetime | None
) -> dict[str, tuple[Snapshot, int | None]]:
    jobs: dict[str, tuple[Snapshot, int | None]] = {}
    for day in sorted(set(days)):
        snapshot = Snapshot.at(day, known_at)
        jobs[indicators_name(day)] = (snapshot, None)
        for horizon in sorted(set(horizons)):
            if later.closed(sources, snapshot, horizon):
                jobs[outcomes_name(day, horizon)] = (snapshot, horizon)
    return jobs


def _write(
    sources: Sources, out_dir: Path, name: str, snapshot: Snapshot, horizon: int | None
) -> Entry:
    path = out_dir / name
    if horizon is None:
        frame = materialise(sources, snapshot)
        write_frame(frame, path)
        rows = len(frame)
    else:
        # The plan puts the indicators first: their customers need not be found again.
        customers = read_frame(out_dir / indicators_name(snapshot.day)).customer_id
        table = later.outcome_table(sources, snapshot, horizon)
        happened = sources.connection.to_pyarrow(table)
        outcomes = _aligned(happened, customers, snapshot, horizon)
        write_outcomes(outcomes, path)
        rows = len(outcomes)
    return Entry(
        sha256=file_hash(path),
        rows=rows,
        as_of=snapshot.as_of.isoformat(),
        known_at=snapshot.known_at.isoformat(),
        horizon_days=horizon,
    )


def _stands(out_dir: Path, name: str, entry: Entry | None, snapshot: Snapshot) -> bool:
    if entry is None or entry.known_at != snapshot.known_at.isoformat():
        return False
    path = out_dir / name
    return path.is_file() and file_hash(path) == entry.sha256


def _empty(sources: Sources) -> Manifest:
    info = sources.info
    return Manifest(
        world=info.world,
        currency=info.currency,
        simulated=info.simulated,
        sources=dict(sorted(info.fingerprints.items())),
        columns={name: list(columns) for name, columns in sorted(info.columns.items())},
        catalogue_hash=catalogue_hash(),
        code_hash=code_hash(),
        entries={},
    )


def _take_up(out_dir: Path, fresh: Manifest) -> Manifest:
    """Return the manifest to go on with, and clear what a former run left behind."""
    for place in (out_dir, out_dir / _INDICATORS, out_dir / _OUTCOMES):
        for leftover in place.glob(f".*{PART_SUFFIX}"):
            leftover.unlink()
    try:
        found = Manifest.load(out_dir)
    except DataError:  # none yet, or one of another version: everything is made anew
        return fresh
    if found.origin() == fresh:
        return found
    for name in found.entries:
        (out_dir / name).unlink(missing_ok=True)
    fresh.save(out_dir)
    return fresh
