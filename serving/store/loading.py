"""Many rows at once, by the shortest way the database has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from serving.store.engines import make_room

Value = str | float | bytes | None
"""What every driver takes as it is: dates are ISO texts, documents are JSON texts."""
Row = tuple[Value, ...]

# Types of PostgreSQL by their numbers, which are the same on every server.
_JSON, _TEXT, _DATE, _TIMESTAMP = 114, 25, 1082, 1114
# As bytes a document is its text; a day and an instant are numbers, which the driver counts.
_BYTES_OF = {_JSON: _TEXT}
_READ: dict[int, Callable[[str], date]] = {
    _DATE: date.fromisoformat,
    _TIMESTAMP: datetime.fromisoformat,
}


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
        _copy(connection, table, names, rows)
        return
    make_room(connection)
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",
        list(rows),
    )


def _copy(connection: Connection, table: str, names: str, rows: Sequence[Row]) -> None:
    """Copy rows as bytes: numbers need not be written in digits, nor bytes as twice as many."""
    driver: Any = connection.connection.driver_connection
    trouble: type[Exception] = connection.dialect.loaded_dbapi.Error
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    try:
        with driver.cursor() as cursor:
            described = cursor.execute(f"SELECT {names} FROM {table} LIMIT 0").description
            kinds = [column.type_code for column in described]
            with cursor.copy(statement) as copy:
                copy.set_types([_BYTES_OF.get(kind, kind) for kind in kinds])
                for row in _as_types(kinds, rows):
                    copy.write_row(row)
    except trouble as error:
        # SQLAlchemy sees nothing of a copy; its callers expect what an insert would raise.
        raise DBAPIError.instance(statement, None, error, trouble) from error


def _as_types(kinds: Sequence[int], rows: Sequence[Row]) -> Iterator[Sequence[object]]:
    """Yield rows with their days and instants read."""
    read = [(place, _READ[kind]) for place, kind in enumerate(kinds) if kind in _READ]
    if not read:
        yield from rows
        return
    for row in rows:
        values: list[object] = list(row)
        for place, of_text in read:
            told = row[place]
            if isinstance(told, str):
                values[place] = of_text(told)
        yield values
