"""Empty stores that are not migrated each time: a file is migrated once a process, then copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from serving.store.session import Database


def blank_store(url: str) -> Database:
    """Open a new SQLite store with the present schema and nothing in it.

    Byte for byte what ``Database(url).upgrade()`` leaves; that way itself is the matter of
    tests/serving/test_migrations.py.
    """
    place = Path(str(make_url(url).database))
    assert not place.exists(), place
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_migrated())
    return Database(url)


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "blank.db"
        store = Database(f"sqlite:///{place}")
        store.upgrade()
        store.dispose()
        assert [path.name for path in Path(folder).iterdir()] == [place.name]
        return place.read_bytes()
