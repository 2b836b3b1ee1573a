"""A store whose disk has no room: told for what it is, and nothing half-written."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from features.disks import MAKE_ROOM
from serving.errors import InvalidRequestError, StoreError, StoreFullError
from serving.problems import STATUS, status_of
from serving.store.loading import Row, load
from serving.store.session import Database
from tests.small_disk import MISSING, on_a_small_disk

COLUMNS = ("sequence", "at", "actor", "action", "subject", "payload", "previous_hash", "hash")
INSERT = text(f"INSERT INTO audit_event VALUES ({', '.join(f':{name}' for name in COLUMNS)})")
FULL = """
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON audit_event
FOR EACH ROW WHEN (NEW.sequence > 1) EXECUTE FUNCTION fill()
"""


def row(sequence: int, subject: str = "a") -> Row:
    """An event of 100 kB."""
    payload = f'"{"x" * 100_000}"'
    return str(sequence), "2024-01-01", "a", "b", subject, payload, "p", "h"


def write(database: Database, rows: list[Row], way: str) -> None:
    with database.write() as session:
        if way == "loaded":
            load(session, "audit_event", COLUMNS, rows)
        else:
            for each in rows:
                session.execute(INSERT, dict(zip(COLUMNS, each, strict=True)))


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(text("SELECT count(*) FROM audit_event")).scalar_one())


@pytest.mark.parametrize("way", ["inserted", "loaded"])
def test_a_disk_without_room_is_told_and_nothing_is_kept(
    database: Database, engine: str, way: str
) -> None:
    """SQLite may have no page more; on PostgreSQL a trigger says what a full disk says."""
    with database.write() as session:
        if engine == "sqlite":
            pages = session.execute(text("PRAGMA page_count")).scalar_one()
            session.execute(text(f"PRAGMA max_page_count = {pages + 15}"))  # room for the first
        else:
            session.execute(text(FULL))
    with pytest.raises(StoreFullError, match="The disk of the database is full: ") as told:
        write(database, [row(1), row(2)], way)
    assert told.value.hint == MAKE_ROOM
    assert status_of(told.value) == 503
    assert STATUS[StoreFullError] != STATUS[StoreError]
    assert count(database) == 0

    with database.write() as session:
        room = "PRAGMA max_page_count = 1000000"
        undo = "DROP TRIGGER full_disk ON audit_event"
        session.execute(text(room if engine == "sqlite" else undo))
    write(database, [row(1), row(2)], way)
    assert count(database) == 2


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_a_disk_that_is_really_full_is_told_to_who_writes_and_to_who_comes_first(
    tmp_path: Path,
) -> None:
    """The first to open a file makes an index of its log; SQLite's words for that name no disk."""
    place = tmp_path / "disk"
    place.mkdir()
    done: list[int] = []

    def work() -> None:
        url = f"sqlite:///{place / 'store.db'}"
        store = Database(url)
        store.upgrade()
        store.dispose()
        with (place / "rest").open("wb", buffering=0) as rest, suppress(OSError):
            while True:
                rest.write(bytes(4096))
        store = Database(url)
        with pytest.raises(StoreFullError, match="disk I/O error"):
            count(store)
        (place / "rest").unlink()
        assert count(store) == 0

        def fill() -> None:
            for sequence in range(100):
                write(store, [row(sequence)], "inserted")
                done.append(sequence)

        with pytest.raises(StoreFullError, match="database or disk is full"):
            fill()
        assert count(store) == len(done)
        store.dispose()

    on_a_small_disk(place, 3_000_000, work)
    assert done


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_another_error_of_the_disk_is_not_for_want_of_room(database: Database) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with pytest.raises(StoreError, match="did not answer") as told, database.read():
        raise OperationalError("SELECT 1", None, error)
    assert not isinstance(told.value, StoreFullError)


def test_what_is_loaded_fails_as_what_is_inserted(database: Database, engine: str) -> None:
    for way in ("inserted", "loaded"):
        with pytest.raises(IntegrityError):
            write(database, [row(1), row(1)], way)
        if engine == "postgresql":  # SQLite keeps any text
            with pytest.raises(InvalidRequestError):
                write(database, [row(1, "a\0b")], way)
    assert count(database) == 0
