"""The files of several snapshots from one fold of the sources, two of them at a time.

A snapshot is many small steps, most of which keep one core busy; two side by side take
little more time than one. Where the engine has sessions, its pieces are stitched; where it has
none, or for more customers than memory should hold, one query joins them: the files are the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from features.backends import Session, abreast, aside, batches, compiled, sides
from features.errors import SnapshotError
from features.frame import indicator_frame
from features.history import History, Turn
from features.manifest import Entry, file_hash
from features.parquet import write_rows
from features.snapshot import Snapshot
from features.stitching import LIMIT, pattern, stitched

if TYPE_CHECKING:
    from features.sources import Sources


_Make = Callable[[Turn, Session], pa.RecordBatchReader]


class Press:
    """Writes the indicators of snapshots; a context manager.

    Parameters
    ----------
    sources, out_dir
        What to read, and the folder of published snapshots.
    snapshots
        All snapshots that it, or its :attr:`history`, will be asked for.
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
        self._wanted = indicators
        self._begun: dict[str, Future[Entry]] = {}
        self._sql = ""
        self._make: _Make | None = None
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self._history)
            self._begin(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    @property
    def history(self) -> History:
        """The fold, to be asked from the thread that made the press."""
        return self._history

    def indicators(self, name: str, snapshot: Snapshot) -> Entry:
        """Write an indicator file, whole, and return what the manifest says of it.

        Raises
        ------
        SnapshotError
            If nobody had bought, or it was not known, at the snapshot.
        """
        if name in self._begun:
            return self._begun.pop(name).result()
        if self._make is not None:
            return self._print_aside(name, snapshot, self._make, self._history.beside(snapshot))
        self._history.at(snapshot)
        return self.put(name, snapshot, None, batches(self._sources.connection, self._sql))

    def _begin(self, undo: ExitStack) -> None:
        if not self._wanted:
            return
        self._history.at(self._wanted[0][1])
        # Written once: the text serves all snapshots of the history.
        most = sides(self._sources.connection)
        if not most:
            self._sql = self._joined()
            return
        self._make = self._making()
        hands = min(most, len(self._wanted))
        if hands < 2:
            return
        undo.enter_context(abreast(self._sources.connection, hands))
        workers = ThreadPoolExecutor(hands, thread_name_prefix="press")
        undo.callback(workers.shutdown, cancel_futures=True)
        for name, snapshot in self._wanted:
            turn = self._history.beside(snapshot)
            job = workers.submit(self._print_aside, name, snapshot, self._make, turn)
            self._begun[name] = job

    def _making(self) -> _Make:
        customers = self._history.customers()
        if len(customers) > LIMIT:
            sql = self._joined()
            return lambda turn, session: session.batches(turn(sql))
        pieces = pattern(self._history)
        return lambda turn, session: stitched(pieces.turned(turn), customers, session).to_reader()

    def _joined(self) -> str:
        frame = indicator_frame(self._history.tables, self._history.codes)
        return compiled(self._sources.connection, frame)

    def _print_aside(self, name: str, snapshot: Snapshot, make: _Make, turn: Turn) -> Entry:
        with aside(self._sources.connection) as session:
            return self.put(name, snapshot, None, make(turn, session))

    def put(
        self, name: str, snapshot: Snapshot, horizon: int | None, rows: pa.RecordBatchReader
    ) -> Entry:
        """Write rows as a file, indicators without a horizon, and return its entry."""
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


def nobody(snapshot: Snapshot) -> SnapshotError:
    """Return the error of a snapshot without customers."""
    return SnapshotError(
        f"No purchase up to {snapshot.day} was known at {snapshot.known_at}.",
        hint="Choose a later known_at.",
        as_of=snapshot.as_of.isoformat(),
        known_at=snapshot.known_at.isoformat(),
    )
