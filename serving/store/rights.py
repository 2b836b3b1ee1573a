"""What the account of the service may do on PostgreSQL: read and write rows, and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection

_RIGHTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    # Rows that count themselves (the log of reads) take their numbers from a sequence.
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
)


def let_serve(connection: Connection, role: str) -> None:
    """Grant an account what the service needs on every table and sequence there is by now.

    Parameters
    ----------
    connection
        Of the owner of the tables, on PostgreSQL; the caller commits.
    role
        Name of the account, which exists.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    for right in _RIGHTS:
        connection.exec_driver_sql(right.format(schema=quote(schema), role=quote(role)))
