"""The CRM example against a real HTTP server that fails as CRMs do."""

from __future__ import annotations

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.batch import BatchResult
from tests.processes import untraced
from tests.serving.loopback import running
from tierwise_client.client import Client

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "crm_sync"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"crm_sync_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SYNC, FAKE = _load("sync"), _load("fake_crm")


@contextmanager
def crm(**faults: Any) -> Iterator[tuple[Any, str]]:
    accounts = FAKE.Accounts(**faults)
    server = FAKE.serve(accounts)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield accounts, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    with running(app) as found:
        yield found


def synchronise(address: str, crm_address: str, state: Path) -> Any:
    with (
        Client(address) as grades,
        httpx.Client(base_url=crm_address) as http,
        closing(SYNC.State(state)) as kept,
    ):
        return SYNC.synchronise(grades, SYNC.Crm(http, wait=0.01), kept)


def expected(client: TestClient) -> dict[str, tuple[str, float]]:
    items, at = [], "/v1/grades?limit=500"
    while at:
        page = client.get(at).json()
        items += page["items"]
        at = page["next"]
    return {each["customer_id"]: (each["tier"]["id"], round(each["score"], 2)) for each in items}


def held(accounts: Any) -> dict[str, tuple[str, float]]:
    return {
        key: (record["Tier__c"], record["Score__c"])
        for key, record in accounts.kept.items()
        if record["Grade_Status__c"] == "graded"
    }


def test_everybody_arrives_once_and_then_only_changes(
    client: TestClient, address: str, tmp_path: Path, graded: BatchResult
) -> None:
    with crm() as (accounts, at):
        first = synchronise(address, at, tmp_path / "s.db")
        assert held(accounts) == expected(client)
        assert (first.sent, first.unchanged) == (graded.run.customers, 0)
        assert set(accounts.times.values()) == {1}
        again = synchronise(address, at, tmp_path / "s.db")
        assert (again.sent, again.unchanged) == (0, graded.run.customers)
        assert set(accounts.times.values()) == {1}
        known = SYNC.State(tmp_path / "s.db")
        known._file.execute("UPDATE sent SET digest = 'old' WHERE customer_id = 'c-0007'")
        known.close()
        assert synchronise(address, at, tmp_path / "s.db").sent == 1


def test_what_is_locked_is_sent_again_and_alone(
    client: TestClient, address: str, tmp_path: Path
) -> None:
    def fault(record: dict[str, Any], times: int) -> str | None:
        key = record["Tierwise_Id__c"]
        if key == "c-0007":
            return "FIELD_INTEGRITY_EXCEPTION"
        return "UNABLE_TO_LOCK_ROW" if key.endswith("1") and times < 3 else None

    with crm(fault=fault, outages=frozenset({2, 5})) as (accounts, at):
        outcome = synchronise(address, at, tmp_path / "s.db")
        assert outcome.refused == {"c-0007": "FIELD_INTEGRITY_EXCEPTION"}
        everybody = expected(client)
        assert held(accounts) == {k: v for k, v in everybody.items() if k != "c-0007"}
        for key in everybody:
            assert accounts.times[key] == (3 if key.endswith("1") else 1)
        accounts._fault = lambda record, times: None
        mended = synchronise(address, at, tmp_path / "s.db")
        assert (mended.sent, mended.refused) == (1, {})
        assert held(accounts) == everybody


def test_a_crm_that_is_away_loses_nothing(client: TestClient, address: str, tmp_path: Path) -> None:
    with crm(outages=frozenset(range(1, 7))) as (accounts, at):
        outcome = synchronise(address, at, tmp_path / "s.db")
        assert set(outcome.refused.values()) == {"NO_ANSWER"}
        assert len(outcome.refused) == 200
        synchronise(address, at, tmp_path / "s.db")
        assert held(accounts) == expected(client)
    with crm() as (accounts, at):
        accounts.upsert = lambda field, body: (401, [])
        with pytest.raises(httpx.HTTPStatusError):
            synchronise(address, at, tmp_path / "t.db")


def test_customers_without_a_grade_are_withdrawn(
    client: TestClient, address: str, tmp_path: Path
) -> None:
    with crm() as (accounts, at):
        synchronise(address, at, tmp_path / "s.db")
        state = SYNC.State(tmp_path / "s.db")
        gone = [f"gone-{n}" for n in range(SYNC.BATCH + 5)]
        state.page_done("earlier", None, gone, dict.fromkeys(gone, "x"))
        state.finished()
        state.close()
        outcome = synchronise(address, at, tmp_path / "s.db")
        assert outcome.withdrawn == len(gone)
        assert {accounts.kept[each]["Grade_Status__c"] for each in gone} == {"withdrawn"}
        assert accounts.kept["gone-0"]["Tier__c"] is None
        assert synchronise(address, at, tmp_path / "s.db").withdrawn == 0
        assert held(accounts) == expected(client)


def test_a_withdrawal_that_is_refused_is_told(address: str, tmp_path: Path) -> None:
    state = SYNC.State(tmp_path / "s.db")
    state.page_done("earlier", None, ["gone"], {"gone": "x"})
    state.finished()
    state.close()
    with crm(fault=lambda r, n: "DELETED" if r["Tierwise_Id__c"] == "gone" else None) as (_, at):
        assert synchronise(address, at, tmp_path / "s.db").refused == {"gone": "DELETED"}


def _begun(path: Path) -> str | None:
    """Return the cursor of the page that is next, None before the first is done."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as file:
        try:
            row = file.execute("SELECT cursor FROM progress").fetchone()
        except sqlite3.OperationalError:
            return None
    return row[0] if row else None


def test_a_kill_in_the_middle_is_resumed(client: TestClient, address: str, tmp_path: Path) -> None:
    with crm(delay=1.0) as (accounts, at):
        command = [sys.executable, str(FOLDER / "sync.py"), "--tierwise", address, "--crm", at]
        command += ["--state", str(tmp_path / "s.db")]
        environment = {**untraced(), "PYTHONPATH": str(FOLDER.parents[2])}
        process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 30
        # Killed while the CRM takes its time over the second page.
        while not (begun := _begun(tmp_path / "s.db")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        whole = expected(client)
        assert len(held(accounts)) < len(whole)
        assert _begun(tmp_path / "s.db") == begun
        accounts._delay = 0.0
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "0 refused" in done.stdout
        assert held(accounts) == whole
        # At most the page under way was sent twice.
        assert sum(accounts.times.values()) <= len(whole) + SYNC.BATCH
