"""The query engine behind the features: the only mention of one.

Everything else in ``features/`` writes Ibis expressions and takes a connection.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.errors import DataError

ENGINES = ("duckdb",)
"""Engines that :func:`connect` knows."""

ENGINE_ERRORS: tuple[type[Exception], ...] = (duckdb.Error,)
"""What the engine raises when a file or a value defeats it while a query runs."""


def connect(
    engine: str = "duckdb",
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_dir: Path | None = None,
) -> BaseBackend:
    """Open an in-memory connection whose session time zone is UTC.

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
        If the engine is unknown or refuses an option.
    """
    if engine not in ENGINES:
        raise DataError(
            f"Unknown engine {engine!r}.",
            hint=f"Use one of: {', '.join(ENGINES)}.",
            engine=engine,
        )
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
