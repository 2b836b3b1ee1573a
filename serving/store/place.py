"""The place of the one batch that writes: it is free again when its holder dies, however that is.

A store has one writer at a time, but a batch writes in several transactions; what a dead one left
may be taken away only by who knows that it is dead.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from serving.store.engines import WRITER

_PLACE = WRITER + 1
"""Number of the advisory lock of the one batch."""


@contextmanager
def place(engine: Engine) -> Iterator[bool]:
    """Hold the place from here on; yields False, and holds nothing, where it is taken."""
    with _of_file(engine) if engine.dialect.name == "sqlite" else _of_server(engine) as free:
        yield free


@contextmanager
def _of_file(engine: Engine) -> Iterator[bool]:
    beside = Path(str(engine.url.database))
    # The file stays: who took it away could not know who is about to lock it.
    with (beside.parent / f".{beside.name}.batch").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _of_server(engine: Engine) -> Iterator[bool]:
    # A lock of the session, not of a transaction: nothing is kept from being tidied up meanwhile.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
        free = bool(link.scalar(text(f"SELECT pg_try_advisory_lock({_PLACE})")))
        try:
            yield free
        finally:
            if free and not link.invalidated:
                link.execute(text(f"SELECT pg_advisory_unlock({_PLACE})"))
