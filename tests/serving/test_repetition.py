"""Idempotency-Key: a write sent twice is carried out once, whoever dies in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from serving.audit import record
from serving.domain.event import Happening
from serving.errors import RepetitionError, ReusedKeyError, StoreError
from serving.problems import LastResort, install
from serving.store.audit_events import AuditEvents
from serving.store.idempotency import (
    CLAIM,
    KEPT_FOR,
    LEASE,
    Claim,
    KeptAnswer,
    claim,
    finish,
)
from serving.store.idempotency_tables import KeptAnswerRow
from serving.store.session import Database
from serving.wire.repetition import Repetition, fingerprint, takes_key

NOW = datetime(2024, 7, 1, 2)
KEY = {"Idempotency-Key": "k-1"}
Opened = tuple[TestClient, FastAPI]


class Known:
    """Sets who is asking from a header, as the identification does."""

    def __init__(self, app: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from serving.domain.access import LOCAL

        for name, value in scope.get("headers", ()):
            if name == b"x-who":
                who = type(LOCAL)(value.decode(), "machine", LOCAL.roles, LOCAL.permissions)
                scope.setdefault("state", {})["principal"] = who
        await self._app(scope, receive, send)  # type: ignore[operator]


def build(database: Database) -> FastAPI:
    """A service with writes of every temper over a real store."""
    app = FastAPI()
    install(app)

    def write() -> int:
        with database.write() as session:
            record(session, [Happening("thing.done", "thing:1", {})], at=NOW, actor="a")
            last = AuditEvents(session).last()
            assert last is not None
            return last.sequence

    @app.post("/v1/things", status_code=201)
    def make(body: dict[str, object]) -> dict[str, object]:
        return {"number": write(), "body": body}

    @app.post("/v1/slow")
    def slow() -> dict[str, int]:
        time.sleep(0.5)
        return {"number": write()}

    @app.post("/v1/dies")
    def dies() -> None:
        write()
        raise RuntimeError("after the write")

    @app.post("/v1/issues")
    def issue(body: dict[str, object]) -> object:
        write()
        return body["answer"]

    @app.post("/v1/fails")
    def fails() -> None:
        raise StoreError("The store is away.")

    @app.post("/v1/grades:ask")
    def ask() -> dict[str, bool]:
        return {"asked": True}

    @app.post("/v1/nothing")
    def nothing() -> dict[str, float]:
        return {"at": time.perf_counter()}

    app.add_middleware(Repetition, database=database)
    app.add_middleware(LastResort)
    app.add_middleware(Known)
    return app


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(build(database), raise_server_exceptions=False) as opened:
        yield opened


def events(database: Database) -> int:
    with database.read() as session:
        return sum(1 for _ in AuditEvents(session).all())


def test_the_same_write_is_answered_again_and_not_done_again(
    client: TestClient, database: Database
) -> None:
    first = client.post("/v1/things", json={"a": 1}, headers=KEY)
    assert "idempotency-replayed" not in first.headers
    again = client.post("/v1/things", json={"a": 1}, headers={"Idempotency-Key": '"k-1"'})
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert events(database) == 1
    client.post("/v1/things", json={"a": 1})
    assert events(database) == 2


@pytest.mark.parametrize(
    ("address", "body"), [("/v1/things", {"a": 2}), ("/v1/things?x=1", {"a": 1}), ("/v1/slow", {})]
)
def test_a_key_of_another_request_is_refused(
    client: TestClient, database: Database, address: str, body: dict[str, int]
) -> None:
    client.post("/v1/things", json={"a": 1}, headers=KEY)
    refused = client.post(address, json=body, headers=KEY)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:tierwise:problem:reused-key"
    assert events(database) == 1


def test_keys_of_others_are_others(client: TestClient, database: Database) -> None:
    mine = client.post("/v1/things", json={}, headers={**KEY, "x-who": "key:crm"})
    other = client.post("/v1/things", json={}, headers={**KEY, "x-who": "key:erp"})
    assert mine.json()["number"] == 1
    assert other.json()["number"] == 2
    assert events(database) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", '"'])
def test_a_key_that_is_none_is_refused(client: TestClient, database: Database, key: str) -> None:
    refused = client.post(
        "/v1/things", json={}, headers=[("Idempotency-Key", key.encode("latin-1"))]
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert events(database) == 0


def test_what_changed_nothing_leaves_the_key_free(client: TestClient, database: Database) -> None:
    refused = client.post("/v1/things", content=b"[", headers=KEY)
    assert refused.status_code == 422
    assert client.post("/v1/fails", headers=KEY).status_code == 503
    first = client.post("/v1/nothing", headers=KEY)
    second = client.post("/v1/nothing", headers=KEY)
    assert first.content != second.content
    mended = client.post("/v1/things", json={"a": 1}, headers=KEY)
    assert mended.status_code == 201
    assert events(database) == 1


def test_queries_and_reads_need_no_key(client: TestClient) -> None:
    for _ in range(2):
        answer = client.post("/v1/grades:ask", headers=KEY)
        assert answer.json() == {"asked": True}
        assert "idempotency-replayed" not in answer.headers
    assert not takes_key({"type": "http", "method": "GET", "path": "/v1/x"})
    assert not takes_key({"type": "http", "method": "POST", "path": "/login"})
    assert not takes_key({"type": "lifespan"})


def test_a_write_whose_answer_was_lost_is_not_done_again(
    client: TestClient, database: Database
) -> None:
    assert client.post("/v1/dies", headers=KEY).status_code == 500
    told = client.post("/v1/dies", headers=KEY)
    assert told.status_code == 409
    assert told.json()["context"]["reason"] == "answer-lost"
    assert events(database) == 1


def test_two_workers_race_and_one_writes(store_url: str) -> None:
    stores = [Database(store_url), Database(store_url)]
    start = threading.Barrier(8)

    def send(number: int) -> int:
        # An application and a store of its own for each worker, as in production.
        with TestClient(build(stores[number % 2]), raise_server_exceptions=False) as worker:
            start.wait(10)
            return worker.post("/v1/slow", headers=KEY).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(send, range(8)))
    assert codes.count(200) >= 1
    assert set(codes) <= {200, 409}
    assert events(stores[0]) == 1
    with TestClient(build(stores[1])) as worker:
        assert worker.post("/v1/slow", headers=KEY).headers["idempotency-replayed"] == "true"
    for store in stores:
        store.dispose()


def claimed(database: Database, print_: str = "f" * 64, at: datetime = NOW) -> object:
    with database.write() as session:
        return claim(session, "key:crm", "k", print_, at)


def test_a_dead_workers_claim_is_taken_over_after_its_lease(database: Database) -> None:
    dead = claimed(database)
    assert isinstance(dead, Claim)
    with pytest.raises(RepetitionError, match="being carried out"):
        claimed(database, at=NOW + LEASE)
    heir = claimed(database, at=NOW + LEASE + timedelta(seconds=1))
    assert isinstance(heir, Claim)
    assert heir.token != dead.token
    with pytest.raises(ReusedKeyError):
        claimed(database, "0" * 64)


def writing(database: Database, under: Claim) -> Callable[[], None]:
    def write() -> None:
        token = CLAIM.set(under)
        try:
            with database.write() as session:
                record(session, [Happening("thing.done", "thing:1", {})], at=NOW, actor="a")
        finally:
            CLAIM.reset(token)

    return write


def test_a_worker_that_was_only_slow_cannot_commit_any_more(database: Database) -> None:
    slow = claimed(database)
    heir = claimed(database, at=NOW + LEASE * 2)
    assert isinstance(slow, Claim)
    assert isinstance(heir, Claim)
    with pytest.raises(RepetitionError):
        writing(database, slow)()
    assert events(database) == 0
    writing(database, heir)()
    assert events(database) == 1
    with pytest.raises(RepetitionError, match="answer was lost"):
        claimed(database, at=NOW + LEASE * 5)
    with database.write() as session:
        finish(session, slow, KeptAnswer(200, {}, b"slow"))
        finish(session, heir, KeptAnswer(200, {}, b"heir"))
    assert claimed(database) == KeptAnswer(200, {}, b"heir")


def test_answers_are_forgotten_after_a_day(database: Database) -> None:
    mine = claimed(database)
    assert isinstance(mine, Claim)
    writing(database, mine)()
    with database.write() as session:
        finish(session, mine, KeptAnswer(200, {}, b"x"))
    assert isinstance(claimed(database, at=NOW + KEPT_FOR), KeptAnswer)
    later = NOW + KEPT_FOR + timedelta(seconds=1)
    assert isinstance(claimed(database, "0" * 64, later), Claim)


def test_a_fingerprint_tells_requests_apart() -> None:
    scope: Scope = {"method": "POST", "path": "/v1/x", "query_string": b""}
    prints = {
        fingerprint(scope, b""),
        fingerprint(scope, b"x"),
        fingerprint({**scope, "method": "PUT"}, b""),
        fingerprint({**scope, "path": "/v1/y"}, b""),
        fingerprint({**scope, "query_string": b"x"}, b""),
    }
    assert len(prints) == 5


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr("serving.wire.repetition.finish", away)
        assert client.post("/v1/things", json={}, headers=KEY).status_code == 201
    assert client.post("/v1/things", json={}, headers=KEY).status_code == 409
    assert events(database) == 1


def test_a_body_that_comes_in_parts_too_large_or_never(database: Database) -> None:
    import asyncio

    from serving.admission import MAX_BODY, BodyLimit

    app = BodyLimit(build(database))
    head = {
        "type": "http",
        "method": "POST",
        "path": "/v1/things",
        "query_string": b"",
        "headers": [(b"idempotency-key", b"k"), (b"content-type", b"application/json")],
    }

    def ask(*messages: dict[str, object]) -> int:
        sent: list[dict[str, object]] = []
        waiting = iter(messages)

        async def receive() -> dict[str, object]:
            return next(waiting)

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        asyncio.run(app(dict(head), receive, send))  # type: ignore[arg-type]
        return int(str(sent[0]["status"]))

    part = {"type": "http.request", "body": b" " * (MAX_BODY // 2), "more_body": True}
    end = {"type": "http.request", "body": b'{"a": 1}', "more_body": False}
    assert ask(part, part, part) == 413
    assert ask(part, {"type": "http.disconnect"}) == 400
    assert ask(part, end) == 201


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ({"secret": "whsec_x", "n": 1}, {"secret": None, "n": 1}),
        ({"secret": None}, {"secret": None}),
        ({"about": {"secret": "x"}}, {"about": {"secret": "x"}}),
        (["secret"], ["secret"]),
    ],
)
def test_a_secret_is_kept_nowhere(
    client: TestClient, database: Database, answer: object, again: object
) -> None:
    body = {"answer": answer}
    assert client.post("/v1/issues", json=body, headers=KEY).json() == answer
    repeated = client.post("/v1/issues", json=body, headers=KEY)
    assert repeated.headers["idempotency-replayed"] == "true"
    assert repeated.json() == again
    assert events(database) == 1
    with database.read() as session:
        bodies = session.scalars(select(KeptAnswerRow.body)).all()
    assert b"whsec_x" not in b"".join(each or b"" for each in bodies)
