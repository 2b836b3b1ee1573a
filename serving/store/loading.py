"""Many rows at once, by the shortest way the database has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from serving.store.engines import make_room

Value = str | float | bytes | None
"""What every driver takes as it is: dates are ISO texts, documents are JSON texts."""
Row = tuple[Value, ...]


def load(session: Session, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows in the transaction of a session; PostgreSQL copies them.

    Parameters
    ----------
    columns
        ``(k,)`` names, not of a user's making: they become part of the statement.
    rows
        ``(n, k)`` values as the driver takes them.
    """
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {table} ({names}) FROM STDIN", rows)
        return
    make_room(connection)
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",
        list(rows),
    )


def _copy(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    trouble: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except trouble as error:
        # SQLAlchemy sees nothing of a copy; its callers expect what an insert would raise.
        raise DBAPIError.instance(statement, None, error, trouble) from error
