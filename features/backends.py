"""The query engine behind the features: the only mention of one.

Everything else in ``features/`` writes Ibis expressions and takes a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from features import spark
from features.errors import DataError

ENGINES = ("duckdb", "spark")
"""Engines that :func:`connect` knows."""

ENGINE_ERRORS: tuple[type[Exception], ...] = (duckdb.Error,)
"""What the engine of the ingestion raises when a file or a value defeats it."""

_BATCH_ROWS = 100_000

_LAID = "rows_of_memory"

_SIDES = 2  # each holds a working set; the memory limit is for all of them together


def connect(
    engine: str = "duckdb",
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_dir: Path | None = None,
) -> BaseBackend:
    """Open a connection of its own, whose session time zone is UTC.

    Parameters
    ----------
    engine
        One of :data:`ENGINES`.
    threads
        Worker threads; the engine's default is one a core.
    memory_limit
        For instance ``"2GB"``; beyond it the engine spills to ``temp_dir``.
    temp_dir
        Folder to spill to; below the system's temporary folder by default.

    Raises
    ------
    DataError
        If the engine is unknown, is not installed or refuses an option.
    """
    if engine not in ENGINES:
        raise DataError(
            f"Unknown engine {engine!r}.",
            hint=f"Use one of: {', '.join(ENGINES)}.",
            engine=engine,
        )
    if engine == "spark":
        return spark.connect(threads=threads, memory_limit=memory_limit, temp_dir=temp_dir)
    # By default the engine would spill to a hidden folder wherever the command was started.
    spill = temp_dir if temp_dir is not None else Path(gettempdir()) / "tierwise-spill"
    options: dict[str, object] = {"temp_directory": str(spill)}
    if threads is not None:
        options["threads"] = threads
    if memory_limit is not None:
        options["memory_limit"] = memory_limit
    try:
        connection: BaseBackend = ibis.duckdb.connect(**options)
        connection.raw_sql("SET TimeZone = 'UTC'")
        connection.raw_sql("SET enable_progress_bar = false")
    except ENGINE_ERRORS as error:
        raise DataError(
            f"The engine refused the options {options}: {error}",
            hint="Check threads (1 or more) and memory_limit (for instance '2GB').",
            engine=engine,
        ) from error
    return connection


def keep(connection: BaseBackend, name: str, rows: ir.Table | str) -> None:
    """Compute rows now, an expression or SQL, and keep them as a relation of the connection.

    A relation of the same name is replaced; what was written over it then reads the new rows.
    """
    if _on_spark(connection):
        spark.keep(connection, name, rows)
    elif isinstance(rows, str):
        connection.raw_sql(f'CREATE OR REPLACE TABLE "{name}" AS {rows}')
    else:
        connection.create_table(name, rows, overwrite=True)


def lay(connection: BaseBackend, name: str, rows: pa.Table) -> None:
    """Keep rows of memory as a relation, without a trace of where they came from."""
    connection.con.register(_LAID, rows)
    try:
        connection.raw_sql(f'CREATE OR REPLACE TABLE "{name}" AS FROM {_LAID}')
    finally:
        connection.con.unregister(_LAID)


def view(connection: BaseBackend, name: str, rows: ir.Table | str) -> None:
    """Give rows, an expression or SQL, a name on the connection in the place of what has it."""
    if _on_spark(connection):
        spark.view(connection, name, rows)
        return
    sql = rows if isinstance(rows, str) else compiled(connection, rows)
    connection.raw_sql(f'CREATE OR REPLACE VIEW "{name}" AS {sql}')


def compiled(connection: BaseBackend, expression: ir.Table) -> str:
    """Return the SQL of an expression."""
    return str(connection.compile(expression))


def batches(connection: BaseBackend, sql: str) -> pa.RecordBatchReader:
    """Run SQL and return its rows batch by batch."""
    if _on_spark(connection):
        return spark.batches(connection, sql, _BATCH_ROWS)
    return connection.raw_sql(sql).to_arrow_reader(_BATCH_ROWS)


def sides(connection: BaseBackend) -> int:
    """Return how many sessions :func:`aside` may work at a time with profit; 0 if it has none."""
    if _on_spark(connection):
        return 0
    threads = connection.raw_sql("SELECT current_setting('threads')").fetchall()[0][0]
    return min(int(threads), _SIDES)


@contextmanager
def abreast(connection: BaseBackend, sessions: int) -> Iterator[None]:
    """Give the engine the threads that so many sessions (:func:`aside`) leave it.

    A session works in the thread that asks it. Were all threads of the engine to come to that
    one's help, they would take turns on the cores, and every sum would be cut into parts that
    are put together again: a third more work for the same rows.
    """
    whole = connection.raw_sql("SELECT current_setting('threads')").fetchall()[0][0]
    connection.raw_sql(f"SET threads = {max(1, whole - sessions + 1)}")
    try:
        yield
    finally:
        connection.raw_sql(f"SET threads = {whole}")


class Session:
    """A session beside that of a connection (:func:`aside`), to be used from one thread."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def lay(self, name: str, sql: str) -> None:
        """Compute SQL now, and keep its rows as a relation that only this session sees."""
        self._cursor.execute(f'CREATE TEMP TABLE "{name}" AS {sql}')

    def rows(self, sql: str) -> pa.Table:
        """Run SQL and return its rows."""
        return self._cursor.execute(sql).to_arrow_table()

    def batches(self, sql: str) -> pa.RecordBatchReader:
        """Run SQL and return its rows batch by batch."""
        return self._cursor.execute(sql).to_arrow_reader(_BATCH_ROWS)


@contextmanager
def aside(connection: BaseBackend) -> Iterator[Session]:
    """Open a session of its own on the relations of a connection, from any thread."""
    cursor = connection.con.cursor()
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        yield Session(cursor)
    finally:
        cursor.close()


def drop(connection: BaseBackend, *, views: Sequence[str], tables: Sequence[str]) -> None:
    """Forget relations that :func:`view` and :func:`keep` made."""
    if _on_spark(connection):
        spark.drop(connection, views=views, tables=tables)
        return
    for name in views:
        connection.drop_view(name, force=True)
    for name in tables:
        connection.drop_table(name, force=True)


def _on_spark(connection: BaseBackend) -> bool:
    return bool(connection.name == "pyspark")


# What the expression language has no word for, by the engine's own names. The bodies are
# empty because the engine has its own; Ibis, which is untyped, makes the expressions.


@ibis.udf.scalar.builtin(signature=((None,), "string"))  # type: ignore[untyped-decorator]
def to_json(row: ir.Value) -> ir.Value:
    """Return a struct as JSON text."""


@ibis.udf.scalar.builtin(signature=((None, None), "timestamp"))  # type: ignore[untyped-decorator]
def try_strptime(text: ir.Value, layout: str) -> ir.Value:
    """Parse text by a strptime layout; null where it does not fit."""


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]
    name="timezone", signature=((None, None), "timestamp('UTC')")
)
def at_time_zone(zone: str, wall_clock: ir.Value) -> ir.Value:
    """Return the instant at which clocks in a zone show a time."""
