"""The PySpark side of the engine: a session set up as the indicators need it.

``features/backends.py`` turns to this module when the engine is ``spark``; nothing else
imports PySpark, and nothing does before it is asked for (extra ``spark``, Java 17).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

from features.errors import DataError

JAVA = 17
"""Oldest Java that Spark 4 runs on."""

_BYTES = {"B": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_PARTITIONS = "spark.sql.shuffle.partitions"
_PARTITIONS_PER_THREAD = 2
_CUSTOMER = ("code", "customer_id")

# Who starts the process for a cluster says so in one of these; then master, memory and
# scratch folders are theirs to set.
_LAUNCHERS = ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR")

# What the numbers rest on, whatever the cluster's defaults are: times without a zone as the
# contract has them, an error instead of a silent null on overflow, and products of decimals
# that keep every digit (by default Spark rounds them to six).
_SEMANTICS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}

# A frame joins some fifty small parts that lie in the same partitions: joined where they are,
# they are a few stages; as broadcasts each would be a job, and planning anew after every one
# of them took most of the time.
_PLANNING = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}


@contextmanager
def pandas_3() -> Iterator[None]:
    """Keep Spark quiet about pandas 3, which it warns of whenever it meets it.

    What we exchange are columns of numbers, booleans and text; tests compare them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "PySpark does not yet fully support pandas", category=FutureWarning
        )
        yield


class _Compiler(PySparkCompiler):  # type: ignore[misc]  # Ibis is untyped
    """Ibis's words for Spark SQL, but for one that is null where DuckDB says 0."""

    __slots__ = ()

    def visit_CountStar(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802
        # Ibis adds up the condition, and the sum of nothing but nulls is null.
        if where is None:
            return super().visit_CountStar(op, arg=arg, where=where)
        return self.f.count_if(where)


def connect(
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_dir: Path | None = None,
) -> BaseBackend:
    """Open a connection of its own; parameters as in :func:`session`."""
    own = session(threads=threads, memory_limit=memory_limit, temp_dir=temp_dir)
    with pandas_3():
        connection: BaseBackend = ibis.pyspark.connect(own)
    connection.compiler = _Compiler()
    return connection


@pandas_3()
def session(
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_dir: Path | None = None,
) -> Any:
    """Return a new ``pyspark.sql.SparkSession``, with views and settings of its own.

    A process has one Spark. The first session starts it on this machine, unless the process
    was launched for a cluster (``spark-submit``, ``PYSPARK_SUBMIT_ARGS``,
    ``SPARK_CONF_DIR``) or has a Spark already: then that one is used as it is.

    Parameters
    ----------
    threads
        Worker threads on this machine; one a core by default.
    memory_limit
        Heap of a Spark on this machine, for instance ``"2GB"``; Spark's default is 1 GB.
    temp_dir
        Folder to spill to; below the system's temporary folder by default.

    Raises
    ------
    DataError
        If PySpark or Java is missing, or Spark refuses to start.
    """
    if find_spec("pyspark") is None:
        raise DataError(
            "The engine 'spark' needs PySpark, which is not installed.",
            hint="Install the extra: pip install 'tierwise[spark]'. It needs Java 17 besides.",
            package="pyspark",
        )
    from pyspark import SparkContext
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # It prints every failed query as JSON, though the exception says the same.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    ours = not any(os.environ.get(name) for name in _LAUNCHERS)
    running = SparkContext._active_spark_context is not None
    builder = SparkSession.builder.appName("tierwise")
    if ours and not running:
        for key, value in local_settings(threads, memory_limit, temp_dir).items():
            builder = builder.config(key, value)
        require_java()
        # Otherwise Spark takes whatever `python3` the path leads to.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    try:
        own: Any = builder.getOrCreate().newSession()
        for key, value in (_SEMANTICS | _PLANNING).items():
            own.conf.set(key, value)
    except (PySparkException, RuntimeError) as error:
        raise DataError(
            f"Spark could not be started: {str(error).splitlines()[0]}",
            hint="Check threads, memory_limit (512MB or more) and JAVA_HOME.",
            engine="spark",
        ) from error
    return own


def errors() -> tuple[type[Exception], ...]:
    """Return what Spark raises when a file or a value defeats it; nothing without PySpark."""
    if find_spec("pyspark") is None:
        return ()
    from pyspark.errors import PySparkException

    return (PySparkException,)


def keep(connection: BaseBackend, name: str, rows: ir.Table | str) -> None:
    """Compute rows now; they stay in memory, and on disk what does not fit.

    The rows of one customer lie in one partition, the same of every relation, so that what
    is counted and joined by customer later moves no row. The relation forgets how it was
    made: otherwise every query over it would plan all of that again.
    """
    drop(connection, views=[], tables=[name])
    frame = connection.raw_sql(rows if isinstance(rows, str) else connection.compile(rows))
    for key in _CUSTOMER:
        if key in frame.columns:
            partitions = int(connection._session.conf.get(_PARTITIONS))
            frame = frame.repartition(partitions, key)
            break
    reliable = connection._session.sparkContext.getCheckpointDir() is not None
    frame = frame.checkpoint() if reliable else frame.localCheckpoint()
    frame.createOrReplaceTempView(name)
    _kept(connection)[name] = frame


def view(connection: BaseBackend, name: str, rows: ir.Table | str) -> None:
    """Give rows a name; by their plan, where SQL would be read again at every use."""
    sql = rows if isinstance(rows, str) else connection.compile(rows)
    connection.raw_sql(sql).createOrReplaceTempView(name)


def batches(connection: BaseBackend, sql: str, rows: int) -> pa.RecordBatchReader:
    """Run SQL and return its rows in their order, batch by batch of at most ``rows``.

    The whole result passes through the driver.
    """
    settings = connection._session.conf
    partitions = settings.get(_PARTITIONS)
    # To sort into several partitions Spark would run the query once more for a sample. What
    # is shuffled inside the query goes by the relations it reads, which have their partitions.
    settings.set(_PARTITIONS, "1")
    try:
        table: pa.Table = connection.raw_sql(sql).toArrow()
    finally:
        settings.set(_PARTITIONS, partitions)
    # What cannot be null is told by Spark and not by DuckDB: the files would differ by that.
    free = pa.schema([field.with_nullable(True) for field in table.schema])
    return table.cast(free).to_reader(max_chunksize=rows)


def drop(connection: BaseBackend, *, views: Sequence[str], tables: Sequence[str]) -> None:
    """Forget what :func:`view` and :func:`keep` made, and free its memory."""
    for name in (*views, *tables):
        connection._session.catalog.dropTempView(name)
        frame = _kept(connection).pop(name, None)
        if frame is not None:
            frame._jdf.queryExecution().analyzed().rdd().unpersist(False)


def _kept(connection: BaseBackend) -> dict[str, Any]:
    """Return the frames behind the kept relations of a connection, by name."""
    kept: dict[str, Any] = vars(connection).setdefault("kept_by_tierwise", {})
    return kept


def require_java() -> None:
    """Make sure that Java can be started and is young enough.

    Raises
    ------
    DataError
        If there is none, or one older than :data:`JAVA`.
    """
    hint = f"Install Java {JAVA} (Debian: openjdk-{JAVA}-jre-headless) or set JAVA_HOME."
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise DataError(
            f"The engine 'spark' needs Java {JAVA}, and there is no Java here.",
            hint=hint,
            java_home=home or "",
        )
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None or int(found.group(1)) < JAVA:
        raise DataError(
            f"The engine 'spark' needs Java {JAVA} or newer; {java} is "
            f"{found.group(1) if found else 'of an unknown version'}.",
            hint=hint,
            java=java,
        )


def local_settings(
    threads: int | None, memory_limit: str | None, temp_dir: Path | None
) -> dict[str, str]:
    """Return the settings of a Spark on this machine."""
    workers = threads if threads is not None else os.cpu_count() or 1
    spill = temp_dir if temp_dir is not None else Path(gettempdir()) / "tierwise-spill"
    options = {
        "spark.master": f"local[{workers}]",
        "spark.buffer.pageSize": "1m",  # hundreds of joins and sums of one task hold a page each
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.maxResultSize": "0",  # a frame passes through the driver as a whole
        "spark.local.dir": str(spill),
        "spark.log.level": "FATAL",  # what fails is raised as well
        _PARTITIONS: str(workers * _PARTITIONS_PER_THREAD),
        "spark.sql.warehouse.dir": str(spill / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if memory_limit is not None:
        options["spark.driver.memory"] = _heap(memory_limit)
    return options


def _heap(memory_limit: str) -> str:
    """Return ``2GB`` as Java writes it, in whole megabytes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", memory_limit, re.IGNORECASE)
    if found is None:
        raise DataError(
            f"{memory_limit!r} is no amount of memory.",
            hint="Write it like '2GB' or '512MB'.",
            memory_limit=memory_limit,
        )
    unit = found.group(2).upper() or "B"
    return f"{int(float(found.group(1)) * 2 ** _BYTES[unit] / 2**20)}m"
