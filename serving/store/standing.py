"""What the store stands at: a mark that changes with everything an answer could be made from.

Whatever happens is recorded in the audit trail in the transaction it happens in (`serving.audit`),
and the run that is served is the one that finished last. So the newest run and the newest event
together say whether an answer made before is still the answer. Events of some families (`SILENT`)
change no answer: somebody taking on an alert, or reading, makes nobody else's answer old.

On SQLite the mark is exact: ``PRAGMA data_version`` costs some microseconds and changes with every
commit of anybody, and only then is the store asked. PostgreSQL has nothing like it: there the mark
is read at most every `BOUND` seconds, so an answer may be so much older than the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

BOUND = 0.25
"""Seconds an answer may lag behind a store that cannot tell at once."""
Mark = tuple[str | None, int | None]

SILENT = ("alert", "account", "drift", "export", "key", "reads", "recovery", "tier", "webhook")
"""Families of events that change no kept answer. A grade shows its run, the override and the open
case of its customer; ``tier.changed`` tells of a run that is served already."""

_NEWEST = (
    "SELECT (SELECT run_id FROM run "
    "WHERE run_id NOT IN (SELECT run_id FROM run_step WHERE stage = 'coming') "
    "ORDER BY finished_at DESC, run_id DESC LIMIT 1), "
    "(SELECT max(sequence) FROM audit_event)"
)
_NEWS = "SELECT max(sequence) FROM audit_event WHERE sequence > {seen} AND " + " AND ".join(
    f"action NOT LIKE '{family}.%'" for family in SILENT
)
_Known = tuple[Mark | None, int | None]
"""A mark, and the newest event when it was read, silent or not."""
_Ask = Callable[[str], tuple[Any, ...]]
"""Runs a statement that returns one row."""


class Standing:
    """Tells the mark of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._exact = engine.dialect.name == "sqlite"
        self._lock = Lock()
        self._link: sqlite3.Connection | None = None
        self._version: int | None = None
        self._mark: Mark | None = None
        self._seen: int | None = None
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
        with self._lock:
            known = self._mark, self._seen
        try:
            with self._engine.connect() as connection:
                found = _after(known, lambda asked: tuple(connection.execute(text(asked)).one()))
        except SQLAlchemyError:
            return None
        # Whoever asks while somebody else has asked later keeps to the later.
        with self._lock:
            if begun > self._read_at:
                (self._mark, self._seen), self._read_at = found, begun
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
                    link, known = self._link, (self._mark, self._seen)
                    self._mark, self._seen = _after(
                        known, lambda asked: link.execute(asked).fetchone()
                    )
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


def _after(known: _Known, ask: _Ask) -> _Known:
    """Return what is known now; of the trail only what is new since then is read."""
    mark, seen = known
    run_id, newest = ask(_NEWEST)
    # An older trail is another one: a backup was put back.
    if mark is None or mark[0] != run_id or newest is None or newest < (seen or 0):
        return (run_id, newest), newest
    news = None if newest == seen else ask(_NEWS.format(seen=seen or 0))[0]
    return (mark if news is None else (run_id, news)), newest
