"""``tierwise migrate``: the owner brings the schema up to date, another account serves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.errors import TierwiseError
from serving.audit import record
from serving.domain.event import Happening
from serving.migrate_cli import app
from serving.store.session import HEAD, Database
from tests.postgres import Postgres

NOW = datetime(2026, 11, 23, tzinfo=UTC).replace(tzinfo=None)


def migrated(url: str, *more: str) -> Result:
    return CliRunner().invoke(app, ["--database", url, *more], env={"COLUMNS": "200"})


def test_a_store_is_made_and_then_left_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tierwise.db'}"
    assert f"was brought from nothing to revision {HEAD}." in migrated(url).output
    assert f"is up to date (revision {HEAD})." in migrated(url).output


def test_a_file_has_no_accounts(tmp_path: Path) -> None:
    told = migrated(f"sqlite:///{tmp_path / 'tierwise.db'}", "--grant", "serves").exception
    assert isinstance(told, TierwiseError)
    assert "SQLite" in told.message


@pytest.fixture
def account(postgres: Postgres) -> str:
    name = "Serves-only"  # has to be quoted
    postgres.execute(f'DROP ROLE IF EXISTS "{name}"')
    postgres.execute(f'CREATE ROLE "{name}" LOGIN')
    return name


def test_an_account_that_owns_nothing_serves_after_a_grant(
    postgres: Postgres, account: str
) -> None:
    name = postgres.empty()
    owner = postgres.url(name)
    narrow = owner.replace("://postgres:@", f"://{account}:@")
    assert narrow != owner
    store = Database(narrow)
    try:
        with pytest.raises(TierwiseError, match="may not do this") as refused:
            store.upgrade()
        assert "tierwise migrate" in (refused.value.hint or "")
        told = migrated(owner, "--grant", account)
        assert told.exit_code == 0, told.output
        assert f"{account} may serve" in told.output
        assert store.is_current()
        with store.write() as session:
            record(session, [Happening("access.tested", "ann", {})], at=NOW, actor="t")
        # Tables whose rows count themselves, such as the log of reads, need their sequences.
        with store.read() as session:
            can = session.connection().exec_driver_sql(
                "SELECT bool_and(has_sequence_privilege(c.oid, 'USAGE')), count(*) "
                "FROM pg_class c WHERE c.relkind = 'S'"
            )
            every, sequences = can.one()
        assert (every, sequences > 0) == (True, True)
        with pytest.raises(TierwiseError, match="may not do this"):
            store.downgrade("0001")
    finally:
        store.dispose()
        postgres.drop(name)


def test_an_account_that_is_not_there_is_named(postgres: Postgres) -> None:
    name = postgres.empty()
    told = migrated(postgres.url(name), "--grant", "nobody").exception
    assert isinstance(told, TierwiseError)
    assert told.message == "The database has no account nobody."
    postgres.drop(name)
