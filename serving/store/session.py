"""The database: one engine, one transaction per request or batch, migrations on demand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session as Session

from features.disks import MAKE_ROOM
from serving.errors import InvalidRequestError, StoreError, StoreFullError
from serving.store.engines import READERS as READERS
from serving.store.engines import for_reading, for_writing, open_engine, unbounded
from serving.store.idempotency import seal
from serving.store.known_runs import KnownRuns
from serving.store.place import place
from serving.store.rights import let_serve
from serving.store.standing import Standing

_MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = max(
    path.stem.removeprefix("revision_") for path in (_MIGRATIONS / "versions").glob("revision_*.py")
)
"""The revision this code was written for."""
_WITHOUT_SCHEMA = ("42P01", "42703", "3F000")
# PostgreSQL's undefined table, column and schema; SQLite calls these operational errors.
_DISK_FULL = "53100"  # PostgreSQL's word for it
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
# The latter of the first to open a file on a full disk: there is no room for its index of the log.
_NOT_ALLOWED = "42501"
_NO_SUCH_ACCOUNT = "42704"


class Database:
    """A store at a URL.

    Parameters
    ----------
    url
        ``sqlite:///path/to.db`` or ``postgresql+psycopg://...``.

    Attributes
    ----------
    label
        The URL without a password.
    scratch
        Folder with room for as much as is going to be written; None: that of the system.

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
            self._engine = open_engine(parsed)
        except (ArgumentError, ImportError, OSError, TypeError) as error:
            # A TypeError: a store in memory, which the requests could not share.
            raise StoreError(
                "The database URL cannot be used.",
                hint="Write it like sqlite:///var/tierwise.db, or postgresql://user@host/name "
                "with the extra `postgres` installed.",
            ) from error
        self._runs = KnownRuns()
        self.standing = Standing(self._engine)
        on_disk = parsed.get_backend_name() == "sqlite" and parsed.database
        self.scratch = Path(str(parsed.database)).parent if on_disk else None
        self.label = parsed.render_as_string(hide_password=True)
        self._reading, self._writing = for_reading(self._engine), for_writing(self._engine)

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
        engine = self._writing if writes else self._reading
        # A batch reads past the cache: what it is about to write may be rolled back.
        info = {} if writes else {"runs": self._runs}
        with _answering(), Session(engine, expire_on_commit=False, info=info) as session:
            yield session

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold the place of the one batch that writes; yields False where it is taken."""
        with _answering(), place(self._engine) as free:
            yield free

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema up to a revision (does nothing when it is there already)."""
        self._migrate("upgrade", revision)

    def downgrade(self, revision: str) -> None:
        """Take the schema back to a revision; ``base`` empties the database."""
        self._migrate("downgrade", revision)

    def let_serve(self, role: str) -> None:
        """Grant an account of PostgreSQL what the service needs; this one owns the tables.

        Raises
        ------
        StoreError
            If there is no such account, this one may not grant, or the store is a SQLite file.
        """
        if self._engine.dialect.name != "postgresql":
            raise StoreError(
                "A SQLite file has no accounts to grant anything to.",
                hint="Leave --grant out: who may write the file may serve.",
            )
        with self._connection(writes=True) as connection:
            try:
                let_serve(connection, role)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _NO_SUCH_ACCOUNT:
                    raise
                raise StoreError(
                    f"The database has no account {role}.", hint="Make it with CREATE ROLE first."
                ) from error
            connection.commit()

    def revision(self) -> str | None:
        """Return the schema revision of the database, None before the first migration."""
        with self._connection(writes=False) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found

    def is_current(self) -> bool:
        """Tell whether the schema is the one this code was written for."""
        return self.revision() == HEAD

    def dispose(self) -> None:
        """Close all connections."""
        self.standing.close()
        self._engine.dispose()

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        engine = self._writing if writes else self._reading
        with _answering(), engine.connect() as connection:
            yield connection

    def _migrate(self, act: Literal["upgrade", "downgrade"], revision: str) -> None:
        # Here, not above: a service that finds its schema current carries 11 MB less.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with self._connection(writes=True) as connection:
            unbounded(connection)
            config.attributes["connection"] = connection
            getattr(command, act)(config, revision)
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
    except DataError as error:
        # PostgreSQL keeps no NUL in a text, and no number wider than its column.
        raise InvalidRequestError(
            "A value cannot be kept or looked for: it is too large, or has a character "
            "that no text may have."
        ) from error
    except DBAPIError as error:
        if _is_full(error):
            raise StoreFullError(
                f"The disk of the database is full: {error.orig}. "
                "What was being written is undone.",
                hint=MAKE_ROOM,
            ) from error
        if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
            # The first line says what of; the second is ours, and long.
            said = str(error.orig).partition("\n")[0]
            raise StoreError(
                f"The account may not do this in the database: {said}.",
                hint="The owner of the tables brings them up to date with `tierwise migrate`; "
                "its `--grant ACCOUNT` gives the one that serves what it needs.",
            ) from error
        if not _is_the_stores(error):
            raise
        raise StoreError(
            f"The database did not answer: {error.orig}.",
            hint="Check that the database is there, up, whole and free, and how it is named. "
            "If it has no tables yet, run `tierwise migrate`.",
        ) from error


def _is_full(error: DBAPIError) -> bool:
    """Tell whether the disk of the database has no room."""
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL:
        return True
    return getattr(error.orig, "sqlite_errorcode", None) in _NO_ROOM


def _is_the_stores(error: DBAPIError) -> bool:
    """Tell the store's trouble (gone, locked, damaged, without our tables) from our mistakes."""
    # The driver's plain DatabaseError is a damaged file; its other children are our bugs.
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        return True
    return getattr(error.orig, "sqlstate", None) in _WITHOUT_SCHEMA
