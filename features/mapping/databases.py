"""Read tables and views of a customer's database, in batches, into Parquet files.

Any database that Ibis reads will do; how much memory a batch takes is the driver's affair
(PostgreSQL and DuckDB stream, SQLite is read whole). Its URL holds a password, so it comes from an
environment variable only, and neither it nor what a driver says of it is ever told.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from features.contract import suggest
from features.errors import DataError, MappingError, SourceNotFoundError
from features.mapping.headers import check_columns

BATCH_ROWS = 50_000
"""Rows held in memory at a time."""

_EXTRAS = {"postgres": "postgres", "postgresql": "postgres"}
_LOCAL = ("duckdb", "sqlite")
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Database:
    """An open database; its URL does not show in its text."""

    link: BaseBackend
    url: str = field(repr=False)


@contextmanager
def database(url_env: str) -> Iterator[Database]:
    """Connect to the database whose URL an environment variable holds.

    Raises
    ------
    MappingError
        If the variable is not set, or is no URL of a database.
    SourceNotFoundError
        If the database is a file that is not there.
    DataError
        If its driver is not installed, or it cannot be reached.
    """
    url = os.environ.get(url_env, "")
    if not url:
        raise MappingError(
            f"The environment variable {url_env} is not set.",
            hint="Set it to the URL of the database, such as postgresql://user:password@host/name.",
            variable=url_env,
        )
    link = _connect(url, url_env)
    try:
        yield Database(link, url)
    finally:
        with suppress(Exception):  # a connection that broke is told where it broke
            link.disconnect()


def _connect(url: str, url_env: str) -> BaseBackend:
    scheme, mark, rest = url.partition("://")
    if not mark:
        raise MappingError(
            f"{url_env} is not the URL of a database.",
            hint="It begins with the kind of database, such as postgresql://.",
            variable=url_env,
        )
    if scheme in _LOCAL and not Path(rest.partition("?")[0]).is_file():
        # The engines would make an empty database in its place.
        raise SourceNotFoundError(
            f"{url_env} names a {scheme} file that is not there.",
            hint=f"An absolute path has three slashes: {scheme}:///folder/file.",
            variable=url_env,
        )
    try:
        return ibis.connect(url)
    except ImportError:
        extra = f"tierwise[{_EXTRAS[scheme]}]" if scheme in _EXTRAS else f"ibis-framework[{scheme}]"
        raise DataError(
            f"{url_env}: the driver for {scheme} is not installed.",
            hint=f'Install it: pip install "{extra}".',
            variable=url_env,
        ) from None
    except ValueError:
        # What a parser says of a URL it cannot read may quote the password.
        raise MappingError(
            f"{url_env} is not the URL of a database that Ibis reads.",
            hint="Check its kind; in user and password write @ as %40, / as %2F, : as %3A.",
            variable=url_env,
        ) from None
    except Exception as error:  # each driver has errors of its own
        # Without the cause: its text may hold the URL.
        raise DataError(
            f"{url_env}: the database cannot be reached: {_safe(error, url)}.",
            hint="Check host, port, name, user and password, and that the database is up.",
            variable=url_env,
        ) from None


def stage(source: Database, relation: str, columns: Sequence[str], table: str, path: Path) -> None:
    """Copy columns of a table or view to a Parquet file, :data:`BATCH_ROWS` at a time.

    Parameters
    ----------
    source
        What :func:`database` yielded.
    relation
        Name, with its schema where it is not in the default one: ``sales.orders``.
    columns
        Columns that must be there.
    table
        Contract name, for messages.
    path
        File to write.

    Raises
    ------
    MappingError
        If the relation or a column is not there.
    DataError
        If the database stops while it is read.
    """
    rows = _relation(source.link, relation, table)
    check_columns(rows.columns, columns, relation, table)
    chosen = rows.select(**{name: _portable(rows[name]) for name in columns})
    try:
        with warnings.catch_warnings():
            # Ibis calls what pandas and DuckDB have deprecated; no matter of the user.
            warnings.simplefilter("ignore", DeprecationWarning)
            with source.link.to_pyarrow_batches(chosen, chunk_size=BATCH_ROWS) as batches:
                _write(batches, chosen.schema().to_pyarrow(), path)
    except Exception as error:  # each driver has errors of its own
        raise DataError(
            f"{table}: {relation} cannot be read: {_safe(error, source.url)}.",
            hint="Check that the user may read it and that the database stays up.",
            table=table,
            relation=relation,
        ) from None


def _relation(link: BaseBackend, relation: str, table: str) -> ir.Table:
    schema, _, name = relation.rpartition(".")
    place = tuple(schema.split(".")) if schema else None
    where = place if place is None or len(place) > 1 else place[0]
    try:
        return link.table(name, database=where) if where else link.table(name)
    except Exception:  # each driver has errors of its own
        known: list[str] = []
        with suppress(Exception):  # a schema that is not there cannot be listed
            known = link.list_tables(database=where) if where else link.list_tables()
        shown = ", ".join(known[:_SHOWN]) + (" ..." if len(known) > _SHOWN else "")
        raise MappingError(
            f"{table}: the database has no table or view {relation!r}{suggest(name, known)}.",
            hint=f"There are: {shown}."
            if known
            else "Check the schema and what the user may read.",
            table=table,
            relation=relation,
        ) from None


def _portable(value: ir.Value) -> ir.Value:
    """Return a value that fits a Parquet column; the door reads text as well."""
    kind = value.type()
    simple = kind.is_string() or kind.is_boolean() or kind.is_integer() or kind.is_floating()
    if simple or kind.is_date() or kind.is_timestamp():
        return value
    if kind.is_decimal() and kind.precision is not None and kind.scale is not None:
        return value
    return value.cast("string")


def _write(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))


def _safe(error: Exception, url: str) -> str:
    """Return the first line of a driver's error with every part of the URL's secrets hidden."""
    told = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    parts = urlsplit(url)
    secrets = {url, parts.username or "", parts.password or "", parts.query}
    secrets |= {value for _, value in parse_qsl(parts.query)}
    secrets |= {unquote(secret) for secret in secrets}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        told = told.replace(secret, "***")
    return told.rstrip(".") or type(error).__name__
