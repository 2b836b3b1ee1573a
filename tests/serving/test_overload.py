"""A crowd, and a farewell: a real process, asked by more than it can serve, and told to go."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serving.batch import BatchResult
from serving.settings import Settings
from tests.processes import untraced

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
GRADE, WHAT_IF = "/v1/grades/c-0007", "/v1/grades:simulate"
BODY = json.dumps({"customer_id": "c-0007"})


@dataclass
class Process:
    """A service, and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, path: str) -> int:
        connection = self.connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def start(
    settings: Settings, graded: BatchResult, tmp_path: Path
) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(**environment: str) -> Process:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = tmp_path / "log"
        command = [sys.executable, "-m", "tierwise", "serve", "small", "--port", str(port)]
        command += ["--home", str(settings.home), "--bundle", str(settings.bundle)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=untraced() | environment, stdout=out, stderr=out
            )
        one = Process(process, port, log)
        started.append(one)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if one.ask("/readyz") == 200:
                    return one
            except OSError:
                pass
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.05)

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait(PATIENCE)


@dataclass
class Crowd:
    """Clients that ask over and over, each on one connection, until told to stop."""

    service: Process
    ask: Callable[[http.client.HTTPConnection], http.client.HTTPResponse]
    told: Counter[int] = field(default_factory=Counter)
    """Answers by status."""
    lost: list[str] = field(default_factory=list)
    """Requests without an answer."""
    later: list[str | None] = field(default_factory=list)
    """What the refused were told."""
    over: threading.Event = field(default_factory=threading.Event)

    def client(self) -> None:
        connection = self.service.connection()
        while not self.over.is_set():
            try:
                answer = self.ask(connection)
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.told[answer.status] += 1
            if answer.status == 503:
                self.later.append(answer.headers["Retry-After"])
            if answer.headers["Connection"] == "close":
                return  # politely told to go elsewhere
        connection.close()

    def gather(self, size: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=self.client) for _ in range(size)]
        for each in threads:
            each.start()
        return threads


def what_if(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", WHAT_IF, BODY, {"Content-Type": "application/json"})
    return connection.getresponse()


def mixed(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    if time.monotonic_ns() % 3:
        connection.request("GET", GRADE)
        return connection.getresponse()
    return what_if(connection)


def test_a_crowd_is_partly_refused_and_the_service_recovers(
    start: Callable[..., Process],
) -> None:
    service = start(TIERWISE_WHAT_IFS_WAITING="8")
    crowd = Crowd(service, what_if)
    threads = crowd.gather(64)
    time.sleep(3)
    # In the middle of it what needs no processor is answered as ever.
    assert service.ask("/healthz") == 200
    assert service.ask(GRADE) == 200
    crowd.over.set()
    for each in threads:
        each.join(PATIENCE)
    assert crowd.lost == []
    assert set(crowd.told) == {200, 503}
    assert set(crowd.later) == {"1"}
    calm = service.connection()
    for _ in range(20):
        answer = what_if(calm)
        answer.read()
        assert answer.status == 200
    calm.close()


def test_told_to_go_it_answers_everybody_first(start: Callable[..., Process]) -> None:
    service = start(TIERWISE_DRAIN_SECONDS="1.5")
    crowd = Crowd(service, mixed)
    threads = crowd.gather(16)
    time.sleep(1)
    answered = sum(crowd.told.values())
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.4)
    # Still there for those who have not noticed, and telling those who ask.
    assert service.ask("/readyz") == 503
    assert service.ask(GRADE) == 200
    assert service.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    for each in threads:
        each.join(PATIENCE)
    assert crowd.lost == []
    assert sum(crowd.told.values()) >= answered + 16
    with pytest.raises(OSError, match="refused"):
        service.ask("/healthz")


def test_a_second_signal_ends_it_at_once(start: Callable[..., Process]) -> None:
    service = start(TIERWISE_DRAIN_SECONDS="600")
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert service.ask("/readyz") == 503
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE) in (0, -signal.SIGTERM)


def test_without_a_drain_it_goes_on_the_first(start: Callable[..., Process]) -> None:
    service = start(TIERWISE_DRAIN_SECONDS="0")
    begun = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    assert time.monotonic() - begun < 10
