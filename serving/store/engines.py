"""Connections as the code assumes them, on SQLite and on PostgreSQL alike.

Both keep the same promise: a reader sees one moment and waits for nobody; there is one writer
at a time, so what it read cannot change before it commits, and the audit chain never forks.
SQLite gives that by WAL and ``BEGIN IMMEDIATE``; PostgreSQL by REPEATABLE READ for readers, and
by one advisory lock that each writer takes first and that ends with its transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

READERS = 16
"""Requests that may hold a connection at the same time."""
THREADS = 40
"""Threads of the web server, each of which may hold one more for a page or a probe."""
BUSY_MS = 15_000
"""How long a second writer waits for the first, in milliseconds."""
STATEMENT_MS = 60_000
"""The longest that one statement may take on PostgreSQL; migrations may take longer."""
WRITER = 8_436_197_552_104_733
"""Number of the advisory lock of the one writer; any number that nobody else uses would do."""

_PAGE = 8_192
"""Bytes of a page of a new SQLite file."""
_USUAL_KB, ROOM_KB = 2_000, 64_000
"""Pages that a SQLite connection keeps in memory: usually, and while it loads many rows."""
_ROOMY = "tierwise_roomy"
_RECYCLED_S = 1_800
_POSTGRESQL = {
    "application_name": "tierwise",
    "connect_timeout": 5,
    # A server that vanished without a word is found out in half a minute, not in two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "options": f"-c statement_timeout={STATEMENT_MS} -c lock_timeout={BUSY_MS} -c timezone=UTC",
}


def open_engine(url: URL) -> Engine:
    """Return an engine; no connection is made yet.

    Parameters
    ----------
    url
        What its query says goes before our settings (``?connect_timeout=2``).
    """
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")  # the driver we bring, not the default
    kept: dict[str, Any] = {"pool_size": READERS, "max_overflow": THREADS}
    if url.get_backend_name() == "postgresql":
        mine = {key: value for key, value in _POSTGRESQL.items() if key not in url.query}
        # A server that was started again leaves dead connections: each is tried before use.
        kept |= {"connect_args": mine, "pool_pre_ping": True, "pool_recycle": _RECYCLED_S}
    engine = create_engine(url, **kept)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    elif engine.dialect.name == "postgresql":
        _prepare_postgresql(engine)
    return engine


def for_reading(engine: Engine) -> Engine:
    """Return the engine for transactions that only read: all of them of one moment."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, tierwise_writes=False
        )
    return engine.execution_options(tierwise_writes=False)


def for_writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: one at a time."""
    # READ COMMITTED on PostgreSQL: a snapshot taken before the lock was granted would be old.
    return engine.execution_options(tierwise_writes=True)


def make_room(connection: Connection, kb: int = ROOM_KB) -> None:
    """Let this transaction change more pages than others do before any has to leave memory."""
    if connection.dialect.name == "sqlite" and not connection.info.get(_ROOMY):
        connection.exec_driver_sql(f"PRAGMA cache_size=-{kb}")
        connection.info[_ROOMY] = True


def unbounded(connection: Connection) -> None:
    """Let the statements of this transaction take as long as they need (migrations, copies)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite keep what the code assumes: WAL, foreign keys, real transactions."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # The driver would commit behind our back around DDL; we say BEGIN ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        # Of a new file only: an explanation is 2 KB, of which a page of 4 KB holds one.
        cursor.execute(f"PRAGMA page_size={_PAGE}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "checkin")
    def on_checkin(connection: Any, record: Any) -> None:
        if connection is not None and record.info.pop(_ROOMY, False):
            connection.execute(f"PRAGMA cache_size=-{_USUAL_KB}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read lock later can fail as busy.
        writes = connection.get_execution_options().get("tierwise_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(engine: Engine) -> None:
    """Make a writer wait for the one before it, as `BEGIN IMMEDIATE` does."""

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("tierwise_writes", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")
