"""Stored answers: the same bytes as the endpoint's, and never of a store that has moved on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.audit import record
from serving.batch import BatchResult, run_batch
from serving.domain.access import LOCAL, Principal
from serving.domain.event import Happening
from serving.lane.answers import Answers
from serving.lane.reads import StoredAnswers, _key
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from training.bundle import Bundle


@pytest.fixture(scope="module")
def bare(settings: Settings, graded: BatchResult) -> Iterator[TestClient]:
    """The same service with no room for answers."""
    application = create_app(settings.model_copy(update={"answer_cache_mb": 0}))
    with TestClient(application, raise_server_exceptions=False) as opened:
        yield opened
    application.state.database.dispose()


@pytest.fixture
def moving(
    tmp_path: Path, bundle_dir: Path, served_bundle: Bundle, frame: IndicatorFrame
) -> Iterator[tuple[TestClient, Database]]:
    """A service over a store of its own, and another process's way into that store."""
    settings = Settings(home=tmp_path, world="small", environment="test", bundle_dir=bundle_dir)
    store = blank_store(settings.database)
    run_batch(served_bundle, frame, store)
    application = create_app(settings)
    with TestClient(application) as opened:
        yield opened, store
    application.state.database.dispose()
    store.dispose()


def layer(app: FastAPI) -> StoredAnswers:
    """Return the middleware that keeps the answers of an application."""
    found = app.middleware_stack
    while not isinstance(found, StoredAnswers):
        found = found.__dict__.get("_app") or found.__dict__["app"]
    return found


def kept(app: FastAPI) -> Answers:
    return layer(app)._answers


@pytest.mark.parametrize("tail", ["", "/explanation", "/explanation?lang=en", "/outlook"])
def test_every_customer_is_answered_as_by_the_endpoint(
    client: TestClient, bare: TestClient, frame: IndicatorFrame, tail: str
) -> None:
    for customer in frame.customer_id:
        address = f"/v1/grades/{customer}{tail}"
        first, again, plain = client.get(address), client.get(address), bare.get(address)
        assert first.status_code == again.status_code == plain.status_code == 200
        assert first.content == again.content == plain.content
        own = {"x-request-id", "date"}
        assert {k: v for k, v in again.headers.items() if k not in own} == {
            k: v for k, v in plain.headers.items() if k not in own
        }
    assert len(kept(client.app)) > 0
    assert len(kept(bare.app)) == 0


def test_a_second_read_does_not_reach_the_endpoint(moving: tuple[TestClient, Database]) -> None:
    client, _ = moving
    told = client.get("/v1/grades/c-0007")
    layer(client.app)._app = None
    assert client.get("/v1/grades/c-0007").content == told.content
    head = client.head("/v1/grades/c-0007")
    assert (head.headers["content-length"], head.content) == (told.headers["content-length"], b"")


def test_a_new_run_is_seen_at_once(
    moving: tuple[TestClient, Database], served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    client, store = moving
    before = client.get("/v1/grades/c-0007").json()
    run_batch(served_bundle, frame, store, force=True)
    after = client.get("/v1/grades/c-0007").json()
    assert after["run_id"] != before["run_id"]
    assert client.get("/v1/grades/c-0007").json() == after


def test_whatever_is_recorded_makes_answers_be_looked_up_again(
    moving: tuple[TestClient, Database],
) -> None:
    client, store = moving
    client.get("/v1/grades/c-0007")
    assert len(kept(client.app)) == 1
    with store.write() as session:
        happened = Happening("case.opened", "case:x", {"customer_id": "c-0007"})
        record(session, [happened], at=datetime(2026, 1, 1), actor="test")
    client.get("/v1/grades/c-0008")
    assert len(kept(client.app)) == 1


def test_faults_and_lists_are_not_kept(moving: tuple[TestClient, Database]) -> None:
    client, _ = moving
    for address in (
        "/v1/grades/nobody",
        "/v1/grades/c-0007?surely=not",
        "/v1/grades/c-0007/lift",
        "/v1/grades?limit=1",
        f"/v1/grades/{'x' * 3000}",
    ):
        assert client.get(address).content
        client.get(address)
    assert len(kept(client.app)) == 0


def test_nothing_is_kept_while_the_store_is_not_there(
    moving: tuple[TestClient, Database],
) -> None:
    client, _ = moving
    client.get("/v1/grades/c-0007")
    database = client.app.state.database
    database.standing.close()

    def gone() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    database.standing._open = gone
    assert client.get("/v1/grades/c-0007").status_code == 200
    assert database.standing.mark() is None


def test_who_may_not_read_is_not_answered_from_memory(moving: tuple[TestClient, Database]) -> None:
    client, _ = moving
    client.get("/v1/grades/c-0007")
    stored = layer(client.app)
    (answer,) = stored._answers._kept.values()
    asked: list[str] = []

    async def endpoint(scope: dict, receive: object, send: object) -> None:
        asked.append(scope["state"]["principal"].id)

    def ask(who: Principal) -> list[dict]:
        sent: list[dict] = []

        async def send(message: dict) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/v1/grades/c-0007"}
        scope |= {"query_string": b"", "headers": [], "state": {"principal": who}}
        key = _key(scope, who)[0]
        stored._answers.keep(stored._standing.mark(), key, answer)
        asyncio.run(StoredAnswers.__call__(stored, scope, None, send))
        return sent

    stored._app, inner = endpoint, stored._app
    try:
        # Even if there were an answer under the key of somebody who may not read.
        assert ask(Principal("key:x", "machine", frozenset(), frozenset())) == []
        assert asked == ["key:x"]
        assert ask(LOCAL)[1]["body"] == answer.body
        assert asked == ["key:x"]
    finally:
        stored._app = inner


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_tag_that_is_known_needs_no_body(
    moving: tuple[TestClient, Database], encoding: str
) -> None:
    client, _ = moving
    plain = {"accept-encoding": encoding}
    first = client.get("/v1/grades/c-0007", headers=plain)
    tag = first.headers["etag"]
    for _ in range(2):
        known = client.get("/v1/grades/c-0007", headers={**plain, "if-none-match": tag})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == tag
        assert "content-length" not in known.headers
        # Weak, one of several, or another: the endpoint's side compares.
        several = client.get("/v1/grades/c-0007", headers={**plain, "if-none-match": f'"u", {tag}'})
        assert several.status_code == 304
        other = client.get("/v1/grades/c-0007", headers={**plain, "if-none-match": '"u"'})
        assert other.content == first.content


def test_a_store_that_cannot_tell_at_once_is_asked_again_after_a_while(
    moving: tuple[TestClient, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = moving
    standing, now = client.app.state.database.standing, [100.0]
    monkeypatch.setattr("serving.store.standing.monotonic", lambda: now[0])
    standing._exact = False
    assert standing.mark() is None
    mark = standing.look()
    assert mark == standing.mark() is not None
    assert json.loads(client.get("/v1/grades/c-0007").content)
    with store.write() as session:
        record(session, [Happening("x", "y", {})], at=datetime(2026, 1, 1), actor="test")
    assert standing.mark() == mark  # not known yet
    now[0] += timedelta(milliseconds=251).total_seconds()
    assert standing.mark() is None
    assert standing.look() != mark
