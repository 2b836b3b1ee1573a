"""The store's mark: seen at once on SQLite, within its bound on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from serving.audit import record
from serving.domain.event import Happening
from serving.store.session import Database
from serving.store.standing import BOUND, SILENT, Standing


@pytest.fixture
def other(database: Database, store_url: str) -> Iterator[Database]:
    """Another process's way into the same store."""
    store = Database(store_url)
    yield store
    store.dispose()


def happen(store: Database, *actions: str) -> None:
    with store.write() as session:
        told = [Happening(action, "y", {}) for action in actions or ("x",)]
        record(session, told, at=datetime(2026, 1, 1), actor="test")


def marked(standing: Standing) -> object:
    return standing.mark() or standing.look()


def test_what_somebody_else_records_changes_the_mark(
    database: Database, other: Database, engine: str
) -> None:
    standing = database.standing
    before = marked(standing)
    assert before == (None, None)
    assert marked(standing) == before
    happen(other)
    if engine == "postgresql":
        time.sleep(BOUND)
    after = marked(standing)
    assert after == (None, 1)
    happen(database)  # our own writes are no exception
    if engine == "postgresql":
        time.sleep(BOUND)
    assert marked(standing) == (None, 2)


def waited(standing: Standing, engine: str) -> object:
    if engine == "postgresql":
        time.sleep(BOUND)
    return marked(standing)


def test_what_changes_no_answer_leaves_the_mark(
    database: Database, other: Database, engine: str
) -> None:
    standing = database.standing
    happen(other)
    before = waited(standing, engine)
    assert before == (None, 1)
    happen(other, *(f"{family}.done" for family in SILENT))
    assert waited(standing, engine) == before
    happen(other, "alert.opened", "case.opened", "reads.logged")
    assert waited(standing, engine) == (None, 1 + len(SILENT) + 2), "the last that counts"
    happen(other, "alert.opened")
    assert waited(standing, engine) == (None, 1 + len(SILENT) + 2)
    happen(other, "alerts_of_another_kind.opened")
    assert waited(standing, engine) == (None, 1 + len(SILENT) + 5)


def test_what_is_rolled_back_does_not(database: Database, other: Database) -> None:
    before = marked(database.standing)

    def fail() -> None:
        with other.write() as session:
            record(session, [Happening("x", "y", {})], at=datetime(2026, 1, 1), actor="test")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    time.sleep(BOUND)
    assert marked(database.standing) == before


def test_a_store_without_tables_has_no_mark(empty_url: str) -> None:
    store = Database(empty_url)
    assert store.standing.mark() is None
    assert store.standing.look() is None
    store.dispose()
