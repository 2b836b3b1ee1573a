"""Backups: taken while in use, checked without a store, set up on either engine.

#104: what leaves the house names nobody; what stays is whole again after a loss.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from features.schema import IndicatorFrame
from serving.archive import BundleArchive
from serving.audit import verify
from serving.backup.contents import CONTENTS, check, read_contents
from serving.backup.deidentifying import Deidentifier
from serving.backup.taking import create, restore
from serving.backup_cli import app
from serving.batch import run_batch
from serving.errors import AuditError, BackupError
from serving.replay import replay
from serving.settings import Settings
from serving.store.copying import read_rows
from serving.store.grades import Grades
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.postgres import Postgres
from training.bundle import Bundle

KEY = bytes(range(32))


@pytest.fixture
def house(
    tmp_path: Path, store_url: str, bundle_dir: Path, served_bundle: Bundle, frame: IndicatorFrame
) -> Settings:
    """A service in use: a graded store, a bundle, an archive, a registry."""
    settings = Settings(home=tmp_path / "house", world="small", database_url=store_url)
    settings.state.mkdir(parents=True)
    shutil.copytree(bundle_dir, settings.state / ".bundle.1")
    (settings.state / "bundle").symlink_to(".bundle.1")
    BundleArchive(settings.archive).keep(settings.bundle, served_bundle.digest)
    (settings.home / "mlartifacts").mkdir()
    (settings.home / "mlartifacts" / "promotions.jsonl").write_text("{}\n", "utf-8")
    with closing(sqlite3.connect(settings.home / "mlflow.db")) as registry, registry:
        registry.execute("CREATE TABLE models (name TEXT)")
    store = Database(store_url)
    run_batch(served_bundle, frame, store)
    store.dispose()
    return settings


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """An empty place on each engine."""
    home = tmp_path / "elsewhere"
    if request.param == "sqlite":
        yield Settings(home=home, world="small")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.empty()
    yield Settings(home=home, world="small", database_url=postgres.url(name))
    postgres.drop(name)


def test_what_was_taken_is_there_again_on_either_engine(
    house: Settings, elsewhere: Settings, tmp_path: Path, frame: IndicatorFrame
) -> None:
    (house.state / "push.key").write_bytes(KEY)
    taken = create(house, tmp_path / "backup")
    assert check(tmp_path / "backup") == taken
    shutil.rmtree(house.home)
    assert restore(tmp_path / "backup", elsewhere) == taken
    bundle = BundleArchive(elsewhere.archive).load(Bundle.load(elsewhere.bundle).digest)
    store = Database(elsewhere.database)
    with store.read() as session:
        assert verify(session) == taken.head
        run = Grades(session).current_run()
        assert run is not None
        found = replay(session, run, frame, bundle)
        assert found.stands
        assert found.grades == len(frame) == taken.rows["grade"]
    again = run_batch(bundle, frame, store, force=True)
    assert again.run.previous_run_id == run.previous_run_id
    with store.read() as session:
        assert verify(session, taken.head).size > taken.head.size, "the trail goes on"
    store.dispose()
    with closing(sqlite3.connect(elsewhere.home / "mlflow.db")) as registry:
        assert registry.execute("SELECT count(*) FROM models").fetchone() == (0,)
    assert (elsewhere.home / "mlartifacts" / "promotions.jsonl").is_file()
    assert (elsewhere.state / "push.key").read_bytes() == KEY
    with pytest.raises(BackupError, match="something at"):
        restore(tmp_path / "backup", elsewhere)
    other = elsewhere.model_copy(
        update={"home": tmp_path / "third", "database_url": elsewhere.database}
    )
    with pytest.raises(BackupError, match="store is not empty"):
        restore(tmp_path / "backup", other)
    with pytest.raises(BackupError, match="something at"):
        create(house, tmp_path / "backup")


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
) -> Path:
    """A backup of a small store, to be copied before it is damaged."""
    folder = tmp_path_factory.mktemp("whole")
    settings = Settings(home=folder / "house", world="small")
    shutil.copytree(bundle_dir, settings.bundle)
    store = blank_store(settings.database)
    few = replace(frame, customer_id=frame.customer_id[:20], values=frame.values[:20])
    run_batch(served_bundle, few, store, actor="batch")
    store.dispose()
    create(settings, folder / "backup")
    return folder / "backup"


@pytest.fixture
def backup(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "backup"))


DAMAGES = {
    "a byte": lambda f: (f / "small/bundle/bundle.json").write_bytes(b"x"),
    "a file gone": lambda f: (f / "store/grade.jsonl").unlink(),
    "a file more": lambda f: (f / "store/more.jsonl").write_bytes(b"x"),
    "no list": lambda f: (f / CONTENTS).unlink(),
    "half a list": lambda f: (f / CONTENTS).write_text("{", "utf-8"),
    "another format": lambda f: (f / CONTENTS).write_text('{"format": 0}', "utf-8"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_backup_is_found_and_not_restored(
    name: str, backup: Path, tmp_path: Path
) -> None:
    DAMAGES[name](backup)
    with pytest.raises(BackupError):
        check(backup)
    target = Settings(home=tmp_path / "new", world="small")
    with pytest.raises(BackupError):
        restore(backup, target)
    assert not target.home.exists()


def test_a_backup_written_anew_around_a_forged_trail_is_found(backup: Path) -> None:
    """Whoever also changes the list has to change the trail, and that is chained."""
    path = backup / "store" / "audit_event.jsonl"
    path.write_text(path.read_text("utf-8").replace('"batch"', '"forge"'), "utf-8")
    contents = json.loads((backup / CONTENTS).read_text("utf-8"))
    contents["files"]["store/audit_event.jsonl"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (backup / CONTENTS).write_text(json.dumps(contents), "utf-8")
    with pytest.raises(BackupError, match="trail in the backup"):
        check(backup)


def test_rows_changed_with_their_hashes_are_found_by_the_seal(
    backup: Path, elsewhere: Settings
) -> None:
    path = backup / "store" / "grade.jsonl"
    path.write_text(path.read_text("utf-8").replace("c-0007", "c-xxxx"), "utf-8")
    contents = json.loads((backup / CONTENTS).read_text("utf-8"))
    contents["files"]["store/grade.jsonl"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (backup / CONTENTS).write_text(json.dumps(contents), "utf-8")
    with pytest.raises(AuditError, match="not as the audit trail recorded"):
        restore(backup, elsewhere)
    store = Database(elsewhere.database)
    assert store.revision() is None, "the store is left as empty as it was"
    store.dispose()


def test_a_tampered_store_is_not_backed_up(house: Settings, tmp_path: Path) -> None:
    store = Database(house.database)
    with store.write() as session:
        session.execute(text("UPDATE grade SET score = 1.0"))
    store.dispose()
    with pytest.raises(AuditError):
        create(house, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    assert not list(tmp_path.glob(".backup*"))


def test_a_copy_for_elsewhere_names_nobody(
    house: Settings, elsewhere: Settings, tmp_path: Path, frame: IndicatorFrame
) -> None:
    hidden = Deidentifier(KEY)
    taken = create(house, tmp_path / "cloud", hidden=hidden)
    assert check(tmp_path / "cloud") == taken == read_contents(tmp_path / "cloud")
    assert taken.deidentified
    whole = b"".join(p.read_bytes() for p in (tmp_path / "cloud").rglob("*") if p.is_file())
    for customer in frame.customer_id.tolist():
        assert f'"{customer}"'.encode() not in whole
    assert not (tmp_path / "cloud" / "small").exists()
    _, rows = read_rows(tmp_path / "cloud" / "store" / "grade.jsonl")
    names = {row["customer_id"] for row in rows}
    assert hidden.name("customer", str(frame.customer_id[0])) in names
    assert Deidentifier(KEY[::-1]).name("customer", str(frame.customer_id[0])) not in names
    assert taken.rows["review_case"] == taken.rows["alert"] == 0
    restore(tmp_path / "cloud", elsewhere)
    store = Database(elsewhere.database)
    with store.read() as session:
        run = Grades(session).current_run()
        assert run is not None
        assert Grades(session).page(run).total == len(frame)
    store.dispose()
    with pytest.raises(BackupError, match="32 bytes"):
        Deidentifier(b"short")


def test_an_operator_at_the_command_line(house: Settings, tmp_path: Path) -> None:
    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    out, key = str(tmp_path / "b1"), tmp_path / "key"
    place = ("small", "--home", str(house.home), "--database", house.database)
    sources = house.state / "sources"
    sources.mkdir()
    (sources / "sources.json").write_text("{}", "utf-8")
    assert "Taken" in invoke("create", "--out", out, *place, "--with-sources")
    assert "Whole" in invoke("verify", out)
    told = invoke("restore", out, "small", "--home", str(tmp_path / "new"))
    assert "Restored" in told
    assert (tmp_path / "new" / "small" / "sources" / "sources.json").is_file()
    with pytest.raises(BackupError, match="cannot be read"):
        invoke("create", "--out", out + "2", *place, "--deidentify", str(key))
    nightly = tmp_path / "nightly"
    assert "Taken" in invoke("create", *place, "--into", str(nightly))
    (one,) = nightly.iterdir()
    assert re.fullmatch(r"small-\d{8}T\d{6}Z", one.name)
    for wrong in ((), ("--out", out + "4", "--into", str(nightly))):
        assert CliRunner().invoke(app, ["create", *place, *wrong]).exit_code == 2
    key.write_bytes(KEY)
    assert "nobody named" in invoke("create", "--out", out + "2", *place, "--deidentify", str(key))
    empty = Settings(home=tmp_path / "none", world="small")
    with pytest.raises(BackupError, match="no store"):
        create(empty, tmp_path / "b3")
