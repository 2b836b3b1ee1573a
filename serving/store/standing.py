"""What the store stands at: a mark that changes with everything an answer could be made from.

Whatever happens is recorded in the audit trail in the transaction it happens in (`serving.audit`),
and the run that is served is the one that finished last. So the newest run and the newest event
together say whether an answer made before is still the answer.

On SQLite the mark is exact: ``PRAGMA data_version`` costs some microseconds and changes with every
commit of anybody, and only then the two are read. PostgreSQL has nothing like it: there the mark is
read at most every `BOUND` seconds, so an answer may be so much older than the store.
"""

from __future__ import annotations

import sqlite3
from threading import Lock
from time import monotonic

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

BOUND = 0.25
"""Seconds an answer may lag behind a store that cannot tell at once."""
Mark = tuple[str | None, int | None]

_MARK = (
    "SELECT (SELECT run_id FROM run ORDER BY finished_at DESC, run_id DESC LIMIT 1), "
    # What is only read changes no answer; the index ix_audit_event_changes is for this.
    "(SELECT max(sequence) FROM audit_event WHERE actor <> 'read-log')"
)


class Standing:
    """Tells the mark of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._exact = engine.dialect.name == "sqlite"
        self._lock = Lock()
        self._link: sqlite3.Connection | None = None
        self._version: int | None = None
        self._mark: Mark | None = None
        self._read_at = float("-inf")

    def mark(self) -> Mark | None:
        """Return the mark without waiting; None when it is not known right now.

        After None, `look` finds it out.
        """
        if self._exact:
            return self._exactly()
        return self._mark if monotonic() - self._read_at < BOUND else None

    def look(self) -> Mark | None:
        """Ask the store, waiting for it; None when it does not answer."""
        if self._exact:
            return self._exactly()
        begun = monotonic()
        try:
            with self._engine.connect() as connection:
                run_id, sequence = connection.execute(text(_MARK)).one()
        except SQLAlchemyError:
            return None
        # Whoever asks while somebody else has asked later keeps to the later.
        with self._lock:
            if begun > self._read_at:
                self._mark, self._read_at = (run_id, sequence), begun
        return self._mark

    def close(self) -> None:
        """Close the connection of its own that this holds on SQLite."""
        with self._lock:
            if self._link is not None:
                self._link.close()
            self._link = self._version = self._mark = None

    def _exactly(self) -> Mark | None:
        with self._lock:
            try:
                if self._link is None:
                    self._link = self._open()
                (version,) = self._link.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    self._mark = self._link.execute(_MARK).fetchone()
                    self._version = version
            except sqlite3.Error:
                self._version = self._mark = None
            return self._mark

    def _open(self) -> sqlite3.Connection:
        # Of its own and never written through: the version is that of others' commits.
        return sqlite3.connect(
            str(self._engine.url.database),
            timeout=0.0,
            isolation_level=None,
            check_same_thread=False,
        )
