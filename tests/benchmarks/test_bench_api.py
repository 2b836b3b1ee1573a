"""Requests over loopback, one keep-alive connection, against ``/healthz`` of the same process."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serving.batch import run_batch
from serving.store.session import Database
from tests.benchmarks.conftest import World
from tests.benchmarks.measure import ROOT, Ledger, Task, footprint, peak_of

pytestmark = pytest.mark.bench

AREA = "API, one connection"
PATIENCE = 60.0


@dataclass
class Client:
    """A keep-alive connection to a service that runs as a process of its own."""

    connection: http.client.HTTPConnection
    pid: int
    customers: Sequence[str]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send one request, read all of the answer and return it undecoded."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        content = json.dumps(body) if body is not None else None
        self.connection.request(method, path, content, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return text


@pytest.fixture(scope="module")
def client(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("service")
    store = Database(f"sqlite:///{folder / 'tierwise.db'}")
    store.upgrade()
    run_batch(world.bundle, world.frame, store)
    store.dispose()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tierwise", "serve", "journey", "--port", str(port)]
    command += ["--bundle", str(world.bundle_dir), "--home", str(folder)]
    command += ["--database", f"sqlite:///{folder / 'tierwise.db'}"]
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            await_port(process, port, folder / "log")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            yield Client(connection, process.pid, world.frame.customer_id.tolist())
            connection.close()
        finally:
            process.terminate()
            process.wait(PATIENCE)


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.05)


def test_requests(client: Client, ledger: Ledger) -> None:
    some = client.customers[0]
    explained = json.loads(client.ask("GET", f"/v1/grades/{some}/explanation"))
    parts = math.fsum(each["contribution"] for each in explained["contributions"])
    assert explained["base"] + parts == pytest.approx(explained["score"], abs=1e-9)
    assert json.loads(client.ask("GET", f"/v1/grades/{some}"))["score"] == explained["score"]
    simulated = json.loads(client.ask("POST", "/v1/grades:simulate", {"customer_id": some}))
    assert simulated["grade"]["score"] == explained["score"]

    turn = itertools.cycle(client.customers)
    ledger.race(
        AREA,
        Task("GET /healthz", lambda: client.ask("GET", "/healthz"), 200),
        [
            Task("GET /v1/grades/{id}", lambda: client.ask("GET", f"/v1/grades/{next(turn)}"), 100),
            Task(
                "GET /v1/grades/{id}/explanation",
                lambda: client.ask("GET", f"/v1/grades/{next(turn)}/explanation"),
                60,
            ),
            Task(
                "POST /v1/grades:simulate",
                lambda: client.ask("POST", "/v1/grades:simulate", what_if(next(turn))),
                40,
            ),
        ],
        rounds=5,
        unit="requests",
    )


def what_if(customer: str) -> dict[str, object]:
    return {"customer_id": customer, "indicators": {"days_since_last_order": 5}}


def test_memory_of_the_service(client: Client, ledger: Ledger) -> None:
    floor, product = footprint("fastapi", ".", "."), peak_of(client.pid)
    if floor is None or product is None:
        pytest.skip("the system does not tell the peak memory of a process")
    ledger.weigh(
        ("importing FastAPI, uvicorn, SQLAlchemy and LightGBM", floor),
        {"`tierwise serve` after the requests": product},
    )
    assert product > 0
