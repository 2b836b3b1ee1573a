"""``serving.leaving``: when the door closes, and what every answer says meanwhile."""

from __future__ import annotations

import asyncio
import signal

import pytest
import uvicorn
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse

from serving.leaving import Farewell, Leaving, Server


def server(drain: float) -> tuple[Server, Leaving]:
    leaving = Leaving()
    made = Server(uvicorn.Config(PlainTextResponse("ok"), log_config=None), leaving, drain)
    made.config.load()
    made.lifespan = made.config.lifespan_class(made.config)
    return made, leaving


def test_the_door_closes_only_after_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr("serving.leaving.monotonic", lambda: now[0])
    one, leaving = server(2.0)
    assert asyncio.run(one.on_tick(1)) is False
    one.handle_exit(signal.SIGTERM, None)
    assert leaving.begun
    assert asyncio.run(one.on_tick(1)) is False
    now[0] += 2.0
    assert asyncio.run(one.on_tick(1)) is True


@pytest.mark.parametrize(("drain", "sent"), [(0.0, signal.SIGTERM), (5.0, signal.SIGINT)])
def test_without_a_drain_and_on_an_interrupt_it_closes_at_once(
    drain: float, sent: signal.Signals
) -> None:
    one, leaving = server(drain)
    one.handle_exit(sent, None)
    assert one.should_exit
    assert not leaving.begun


def test_a_second_signal_does_not_wait() -> None:
    one, _ = server(600.0)
    one.handle_exit(signal.SIGTERM, None)
    assert not one.should_exit
    one.handle_exit(signal.SIGTERM, None)
    assert one.should_exit


def test_every_answer_says_goodbye_once_it_has_begun() -> None:
    leaving = Leaving()
    client = TestClient(Farewell(PlainTextResponse("ok"), leaving))
    assert "connection" not in client.get("/").headers
    leaving.begun = True
    assert client.get("/").headers["connection"] == "close"


def test_readiness_ends_with_the_signal(client: TestClient) -> None:
    leaving = client.app.state.service.leaving
    assert client.get("/readyz").status_code == 200
    leaving.begun = True
    try:
        told = client.get("/readyz")
        assert told.status_code == 503
        assert "leaving" in told.json()["detail"]
        assert client.get("/v1/grades/c-0007").status_code == 200
    finally:
        leaving.begun = False
