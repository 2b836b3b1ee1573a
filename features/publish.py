"""Execute snapshots and write them to Parquet: the only place where indicators are run.

A published folder holds ``indicators/<day>.parquet``, ``outcomes/<day>-<h>d.parquet``
and ``manifest.json``. Every file is whole or absent, and the manifest follows each
file, so that a run which was killed is taken up where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import ibis.expr.types as ir
import numpy as np

from features import outcomes as later
from features.backends import drop, keep
from features.errors import DataError
from features.frame import indicator_frame
from features.history import History
from features.manifest import Entry, Manifest, catalogue_hash, code_hash, file_hash
from features.parquet import PART_SUFFIX, Outcomes, floats, strings
from features.press import Press, nobody
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
    with History(sources, [snapshot]) as history:
        result = history.run(indicator_frame(history.at(snapshot), history.codes)).read_all()
    if result.num_rows == 0:
        raise nobody(snapshot)
    columns = tuple(CATALOGUE)
    return IndicatorFrame(
        as_of=snapshot.day,
        customer_id=strings(result, "customer_id"),
        columns=columns,
        values=np.column_stack([floats(result, name) for name in columns]),
    )


def realised(
    sources: Sources, snapshot: Snapshot, horizon_days: int, *, grace_days: int = 0
) -> Outcomes:
    """Compute what the customers of a snapshot did in the horizon after it.

    The customers and their order are those of :func:`materialise`. Published files leave a
    contract no grace: it lapses if it is not renewed by the day it ends.

    Parameters
    ----------
    grace_days
        Days after the end of a contract by which a renewal still counts.

    Raises
    ------
    SnapshotError
        If the horizon is not over by the last order of the data.
    """
    with History(sources, [snapshot]) as history:
        aftermath = later.happened(sources, snapshot.day)
        result = history.run(
            _outcome(history, aftermath, snapshot, horizon_days, grace_days)
        ).read_all()
    return Outcomes(
        as_of=snapshot.day,
        horizon_days=horizon_days,
        customer_id=strings(result, "customer_id"),
        churned=np.array(result["churned"].to_pylist(), dtype=np.bool_),
        net_value=floats(result, "net_value"),
        contribution=floats(result, "contribution"),
        contract_lapsed=floats(result, "contract_lapsed"),
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
    tell = progress or (lambda _name, _done, _total: None)
    missing = {
        name: snapshot
        for name, (snapshot, _) in jobs.items()
        if not _stands(out_dir, name, manifest.entries.get(name), snapshot)
    }
    with ExitStack() as stack:
        if missing:
            tell("reading the sources", 0, len(jobs))
            begun = [(name, missing[name]) for name in missing if jobs[name][1] is None]
            press = stack.enter_context(Press(sources, out_dir, list(missing.values()), begun))
            aftermath = stack.enter_context(_Aftermath(sources, press))
        for done, (name, (snapshot, horizon)) in enumerate(jobs.items(), start=1):
            if name in missing:
                if horizon is None:
                    entry = press.indicators(name, snapshot)
                else:
                    entry = aftermath.write(name, snapshot, horizon)
                entries = dict(manifest.entries) | {name: entry}
                manifest = replace(manifest, entries=dict(sorted(entries.items())))
                manifest.save(out_dir)
            tell(name, done, len(jobs))
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


class _Aftermath:
    """Writes outcomes, from what came after the snapshots, read when first needed."""

    def __init__(self, sources: Sources, press: Press) -> None:
        self._sources = sources
        self._press = press
        self._prefix = f"happened_{id(self)}"
        self._happened: later.Happened | None = None
        self._kept: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        drop(self._sources.connection, views=[], tables=self._kept)

    def write(self, name: str, snapshot: Snapshot, horizon: int) -> Entry:
        history = self._press.history
        if self._happened is None:
            self._happened = self._keep(later.happened(self._sources, history.snapshots[0].day))
        rows = history.run(_outcome(history, self._happened, snapshot, horizon))
        return self._press.put(name, snapshot, horizon, rows)

    def _keep(self, happened: later.Happened) -> later.Happened:
        connection, kept = self._sources.connection, {}
        for name, table in happened.tables().items():
            relation = f"{self._prefix}_{name}"
            keep(connection, relation, table)
            self._kept.append(relation)
            kept[name] = connection.table(relation)
        return replace(happened, **kept)


def _outcome(
    history: History,
    happened: later.Happened,
    snapshot: Snapshot,
    horizon_days: int,
    grace_days: int = 0,
) -> ir.Table:
    spine = history.at(snapshot).spine.select(code="customer_id")
    customers = history.codes.inner_join(spine, "code")
    return later.outcome_table(
        history.sources, happened, customers, snapshot, horizon_days, grace_days=grace_days
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
