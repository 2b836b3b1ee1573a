"""The files of several snapshots from one fold of the sources, two of them at a time.

A snapshot is many small steps, most of which keep one core busy; two side by side take
little more time than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import ibis.expr.types as ir
import pyarrow as pa

from features import outcomes as later
from features.backends import aside, batches, compiled, drop, keep, sides
from features.errors import SnapshotError
from features.frame import indicator_frame
from features.history import History
from features.manifest import Entry, file_hash
from features.parquet import write_rows
from features.snapshot import Snapshot

if TYPE_CHECKING:
    from features.sources import Sources


class Press:
    """Writes indicators and outcomes of snapshots; a context manager.

    Parameters
    ----------
    sources, out_dir
        What to read, and the folder of published snapshots.
    snapshots
        All snapshots that :meth:`write` will be asked for.
    indicators
        Path in the folder and snapshot of the indicator files among them, in the order in
        which they will be asked for: they are begun before that.
    """

    def __init__(
        self,
        sources: Sources,
        out_dir: Path,
        snapshots: Sequence[Snapshot],
        indicators: Sequence[tuple[str, Snapshot]],
    ) -> None:
        self._sources = sources
        self._out_dir = out_dir
        self._history = History(sources, snapshots)
        self._indicators = indicators
        self._begun: dict[str, Future[Entry]] = {}
        self._happened = f"happened_{id(self)}"
        self._sql = ""
        self._kept = False
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self._history)
            self._begin(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def write(self, name: str, snapshot: Snapshot, horizon: int | None) -> Entry:
        """Write one file, whole, and return what the manifest says of it.

        Raises
        ------
        SnapshotError
            If nobody had bought, or it was not known, at the snapshot.
        """
        if name in self._begun:
            return self._begun.pop(name).result()
        if horizon is None:
            self._history.at(snapshot)
            return self._print(name, snapshot, None, batches(self._sources.connection, self._sql))
        return self._print(name, snapshot, horizon, self._outcomes(snapshot, horizon))

    def _begin(self, undo: ExitStack) -> None:
        if not self._indicators:
            return
        connection, (_, first) = self._sources.connection, self._indicators[0]
        # Written once: the text serves all snapshots of the history.
        frame = indicator_frame(self._history.at(first), self._history.codes)
        self._sql = compiled(connection, frame)
        abreast = min(sides(connection), len(self._indicators))
        if abreast < 2:
            return
        workers = ThreadPoolExecutor(abreast, thread_name_prefix="press")
        undo.callback(workers.shutdown, cancel_futures=True)
        for name, snapshot in self._indicators:
            text = self._history.beside(snapshot, self._sql)
            self._begun[name] = workers.submit(self._print_aside, name, snapshot, text)

    def _print_aside(self, name: str, snapshot: Snapshot, sql: str) -> Entry:
        with aside(self._sources.connection, sql) as rows:
            return self._print(name, snapshot, None, rows)

    def _print(
        self, name: str, snapshot: Snapshot, horizon: int | None, rows: pa.RecordBatchReader
    ) -> Entry:
        path = self._out_dir / name
        notes = {"as_of": snapshot.day.isoformat()}
        if horizon is not None:
            notes["horizon_days"] = str(horizon)
        written = write_rows(rows, notes, path)
        if horizon is None and not written:
            path.unlink()
            raise nobody(snapshot)
        return Entry(
            sha256=file_hash(path),
            rows=written,
            as_of=snapshot.as_of.isoformat(),
            known_at=snapshot.known_at.isoformat(),
            horizon_days=horizon,
        )

    def _outcomes(self, snapshot: Snapshot, horizon: int) -> pa.RecordBatchReader:
        connection = self._sources.connection
        if not self._kept:
            first = self._history.snapshots[0].day
            keep(connection, self._happened, later.happened(self._sources, first))
            self._undo.callback(drop, connection, views=[], tables=[self._happened])
            self._kept = True
        days = connection.table(self._happened)
        return self._history.run(outcome(self._history, days, snapshot, horizon))


def outcome(history: History, days: ir.Table, snapshot: Snapshot, horizon_days: int) -> ir.Table:
    """Return what the customers of a snapshot did in the horizon after it."""
    spine = history.at(snapshot).spine.select(code="customer_id")
    customers = history.codes.inner_join(spine, "code")
    return later.outcome_table(history.sources, days, customers, snapshot, horizon_days)


def nobody(snapshot: Snapshot) -> SnapshotError:
    """Return the error of a snapshot without customers."""
    return SnapshotError(
        f"No purchase up to {snapshot.day} was known at {snapshot.known_at}.",
        hint="Choose a later known_at.",
        as_of=snapshot.as_of.isoformat(),
        known_at=snapshot.known_at.isoformat(),
    )
