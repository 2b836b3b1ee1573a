"""Every revision, up and down, one at a time, with rows in every table, on both engines.

Nothing here names a revision or a table, so later ones are held to the same without a word.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Integer,
    MetaData,
    Numeric,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy import Date as AnyDate
from sqlalchemy import LargeBinary as AnyBytes

import serving.store
from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.store.session import Database
from serving.store.tables import Table
from tests.processes import untraced
from training.bundle import Bundle

REVISIONS = tuple(
    script.revision
    for script in ScriptDirectory(
        str(Path(next(iter(serving.store.__path__))) / "migrations")
    ).walk_revisions()
)
"""Newest first."""

SAMPLES: dict[str, dict[str, object]] = {}
"""By table, values that a made-up row needs where the columns' types do not say enough."""


@pytest.fixture
def store(empty_url: str) -> Iterator[Database]:
    opened = Database(empty_url)
    yield opened
    opened.dispose()


@pytest.fixture
def raw(empty_url: str) -> Iterator[Engine]:
    """The same database without our settings."""
    opened = create_engine(empty_url)
    yield opened
    opened.dispose()


def test_each_step_can_be_taken_back_with_the_rows_there(
    store: Database, raw: Engine, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    fresh = {}
    for revision in reversed(REVISIONS):
        store.upgrade(revision)
        assert store.revision() == revision
        fresh[revision] = _schema(raw)
    assert store.is_current()
    run_batch(served_bundle, frame, store)
    with raw.begin() as connection:
        _fill(connection)
        full = _counts(connection)
    assert min(full.values()) >= 1
    *older, first = REVISIONS[1:]
    for revision in (*older, first):
        store.downgrade(revision)
        assert _schema(raw) == fresh[revision], f"down to {revision}"
        with raw.connect() as connection:
            found = _counts(connection)
        assert found == {table: full[table] for table in found}, f"down to {revision}"
    for revision in reversed(REVISIONS[:-1]):
        store.upgrade(revision)
        assert _schema(raw) == fresh[revision], f"up to {revision}"
    with raw.connect() as connection:
        again = _counts(connection)
    assert again["grade"] == full["grade"] == again["grade_rank"] == len(frame)
    assert again["audit_event"] == full["audit_event"]
    store.downgrade("base")
    assert set(inspect(raw).get_table_names()) == {"alembic_version"}
    with raw.connect() as connection:
        if connection.dialect.name == "postgresql":
            ours = text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            assert connection.scalar(ours) == 0, "a function was left behind"
    store.upgrade()
    assert _schema(raw) == fresh[REVISIONS[0]]


def test_migrations_and_tables_say_the_same(store: Database, raw: Engine) -> None:
    store.upgrade()
    with raw.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    reflected = MetaData()
    reflected.reflect(raw)
    assert set(reflected.tables) == {*Table.metadata.tables, "alembic_version"}


def test_ids_of_customers_sort_by_code_whatever_the_locale(store: Database, raw: Engine) -> None:
    """Lists are paged by them; SQLite and Python sort so by themselves."""
    store.upgrade()
    ids = ["Z-1", "a-1", "ä-1", "客-1", "B_2", "b-2", "B-2"]
    with raw.begin() as connection:
        sort = "" if raw.dialect.name == "sqlite" else ' COLLATE "C"'
        connection.execute(text(f"CREATE TABLE sorting (customer_id TEXT{sort})"))
        connection.execute(text("INSERT INTO sorting VALUES (:id)"), [{"id": each} for each in ids])
        ordered = connection.scalars(text("SELECT customer_id FROM sorting ORDER BY 1")).all()
        assert ordered == sorted(ids)
        connection.execute(text("DROP TABLE sorting"))
        if raw.dialect.name == "postgresql":
            # What the comparison of schemas above does not look at.
            wrong = connection.execute(
                text(
                    "SELECT table_name FROM information_schema.columns WHERE "
                    "table_schema = 'public' AND column_name = 'customer_id' AND "
                    "collation_name IS DISTINCT FROM 'C'"
                )
            )
            assert wrong.scalars().all() == []


def test_two_services_that_start_at_once_migrate_once(store: Database, empty_url: str) -> None:
    code = "import sys; from serving.store.session import Database as D; D(sys.argv[1]).upgrade()"
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], env=untraced()) for _ in range(2)
    ]
    assert [process.wait(60) for process in started] == [0, 0]
    assert store.is_current()


def _schema(engine: Engine) -> dict[str, Any]:
    """Return all that makes up a schema, in no order."""
    found: dict[str, Any] = {}
    inspector = inspect(engine)
    for table in inspector.get_table_names():
        found[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], _default(column))
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (*key["constrained_columns"], key["referred_table"], *key["referred_columns"])
                for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(
                tuple(each["column_names"]) for each in inspector.get_unique_constraints(table)
            ),
            "checks": sorted(each["sqltext"] for each in inspector.get_check_constraints(table)),
        }
    with engine.connect() as connection:
        names = (
            "SELECT name || tbl_name FROM sqlite_master "
            "WHERE type IN ('trigger', 'index') AND name NOT LIKE 'sqlite_autoindex%'"
            if engine.dialect.name == "sqlite"
            else "SELECT tgname || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal "
            "UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        )
        found["triggers and indexes"] = sorted(connection.scalars(text(names)))
    return found


def _default(column: Any) -> str | None:
    """Return a column's default; one that stands for nothing SQLite cannot take away again."""
    found: str | None = column["default"]
    return None if found in ("''", "'null'") else found


def _counts(connection: Connection) -> dict[str, int]:
    present = MetaData()
    present.reflect(connection)
    return {
        name: connection.scalar(select(func.count()).select_from(table)) or 0
        for name, table in present.tables.items()
        if name != "alembic_version"
    }


def _fill(connection: Connection) -> None:
    """Put a made-up row into each table that the batch left empty."""
    for table in Table.metadata.sorted_tables:
        if connection.scalar(select(func.count()).select_from(table)):
            continue
        row = {
            column.name: _value(connection, column)
            for column in table.columns
            if column.server_default is None and not column.nullable
        }
        connection.execute(insert(table), [row | SAMPLES.get(table.name, {})])


def _value(connection: Connection, column: Column[Any]) -> object:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    kind = column.type
    values: tuple[tuple[type, object], ...] = (
        (Boolean, True),
        (DateTime, datetime(2026, 1, 2, 3, 4, 5)),
        (AnyDate, date(2026, 1, 2)),
        (Integer, 1),
        (Float | Numeric, 1.5),  # type: ignore[list-item]
        (JSON, {}),
        (AnyBytes, b"x"),
    )
    return next((value for type_, value in values if isinstance(kind, type_)), column.name[:10])
