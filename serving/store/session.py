"""The database: one engine, one transaction per request or batch, migrations on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session as Session

from serving.errors import StoreError
from serving.store.idempotency import seal
from serving.store.known_runs import KnownRuns

_MIGRATIONS = Path(__file__).parent / "migrations"
READERS = 16
"""Requests that may hold a connection at the same time."""
_THREADS = 40
"""Threads of the web server, each of which may hold one more for a page or a probe."""
_BUSY_MS = 15_000
# A batch of 25,000 customers commits within a few seconds; a second writer waits that long.


class Database:
    """A store at a URL.

    Parameters
    ----------
    url
        ``sqlite:///path/to.db`` or ``postgresql+psycopg://...``.

    Raises
    ------
    StoreError
        If the URL cannot be read or its folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(parsed, pool_size=READERS, max_overflow=_THREADS)
        except (ArgumentError, OSError, TypeError) as error:
            # A TypeError: a store in memory, which the requests could not share.
            raise StoreError(
                "The database URL cannot be used.",
                hint="Write it like sqlite:///var/tierwise.db.",
            ) from error
        self._runs = KnownRuns()
        self.label = parsed.render_as_string(hide_password=True)
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one consistent read: everything seen in it is of the same moment."""
        with self._session(writes=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction: commits at the end, rolls back on any exception."""
        with self._session(writes=True) as session:
            yield session
            seal(session)
            session.commit()

    @contextmanager
    def _session(self, *, writes: bool) -> Iterator[Session]:
        engine = self._engine.execution_options(tierwise_writes=writes)
        # A batch reads past the cache: what it is about to write may be rolled back.
        info = {} if writes else {"runs": self._runs}
        with _answering(), Session(engine, expire_on_commit=False, info=info) as session:
            yield session

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema up to a revision (does nothing when it is there already)."""
        self._migrate(command.upgrade, revision)

    def downgrade(self, revision: str) -> None:
        """Take the schema back to a revision; ``base`` empties the database."""
        self._migrate(command.downgrade, revision)

    def revision(self) -> str | None:
        """Return the schema revision of the database, None before the first migration."""
        with self._connection(writes=False) as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def is_current(self) -> bool:
        """Tell whether the schema is the one this code was written for."""
        return self.revision() == ScriptDirectory(str(_MIGRATIONS)).get_current_head()

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        engine = self._engine.execution_options(tierwise_writes=writes)
        with _answering(), engine.connect() as connection:
            yield connection

    def _migrate(self, act: Any, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with self._connection(writes=True) as connection:
            config.attributes["connection"] = connection
            act(config, revision)
            connection.commit()


@contextmanager
def _answering() -> Iterator[None]:
    """Tell a store that cannot be used from a statement that is wrong."""
    try:
        yield
    except NoConnectionError as error:
        raise StoreError(
            "The database has no connection to spare.", hint="Try again in a while."
        ) from error
    except DatabaseError as error:
        # The driver's plain DatabaseError is a damaged file; its other children are our bugs.
        if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
            raise
        raise StoreError(
            f"The database did not answer: {error.orig}.",
            hint="Run `tierwise batch` first, or check that the file is whole and not locked.",
        ) from error


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite keep what the code assumes: WAL, foreign keys, real transactions."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # The driver would commit behind our back around DDL; we say BEGIN ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read lock later can fail as busy.
        writes = connection.get_execution_options().get("tierwise_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
