"""The trail over the API: filters, pages, and proofs anybody can check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event as hooks

from serving.audit import record, verify
from serving.domain.event import Happening, event_hash
from serving.domain.merkle import (
    EMPTY_ROOT,
    Head,
    MerkleTree,
    proves_consistency,
    proves_inclusion,
)
from serving.store.audit_events import AuditEvents
from serving.store.session import Database
from serving.store.trail import BLOCK, Trail

AT = datetime(2024, 7, 1, 2)


def fill(database: Database, count: int) -> None:
    things = [Happening("thing.done", f"thing:{n % 7}", {"n": n}) for n in range(count)]
    with database.write() as session:
        record(session, things, at=AT, actor="a")


@pytest.fixture
def long(database: Database) -> Database:
    """A trail over two blocks and a ragged edge."""
    fill(database, 2 * BLOCK + 37)
    return database


def test_proofs_are_those_of_the_whole_tree(long: Database) -> None:
    trail = Trail()
    with long.read() as session:
        events = AuditEvents(session)
        hashes = list(events.hashes())
        view = trail.at(events)
        assert view.head() == verify(session)
        sizes = [1, 2, 3, 7, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, len(hashes) - 1]
        for size in [*sizes, len(hashes)]:
            tree = MerkleTree(hashes[:size])
            assert view.head(size) == tree.head
            for index in {0, 1, size // 2, size - 1, BLOCK - 1, BLOCK} & set(range(size)):
                path = view.inclusion(index, size)
                assert path == tree.inclusion(index)
                assert proves_inclusion(tree.head, index, hashes[index], path)
            for first in {each for each in sizes if each <= size}:
                path = view.consistency(first, size)
                assert path == tree.consistency(first)
                assert proves_consistency(view.head(first), tree.head, path)


def test_only_what_is_new_is_read_again(long: Database) -> None:
    trail = Trail()
    rows: list[int] = []

    def read() -> int:
        rows.clear()
        with long.read() as session:
            events = AuditEvents(session)
            hashes = events.hashes

            def counted(start: int = 0, stop: int | None = None):  # type: ignore[no-untyped-def]
                for each in hashes(start, stop):
                    rows.append(start)
                    yield each

            events.hashes = counted  # type: ignore[method-assign]
            trail.at(events).inclusion(5)
        return len(rows)

    first = read()
    second = read()
    assert first == 2 * BLOCK + BLOCK + 37
    assert second == BLOCK + 37
    fill(long, BLOCK)
    assert read() == BLOCK + BLOCK + 37


def test_an_empty_trail_has_a_head(database: Database) -> None:
    with database.read() as session:
        view = Trail().at(AuditEvents(session))
        assert view.head() == Head(0, EMPTY_ROOT)
        with pytest.raises(IndexError):
            view.inclusion(0)
        with pytest.raises(IndexError):
            view.head(1)
        with pytest.raises(IndexError):
            view.consistency(1)


def test_a_proof_is_checked_without_the_service(client: TestClient) -> None:
    told = client.get("/v1/audit/events/1/proof").json()
    fields = dict(told["event"])
    digest = fields.pop("hash")
    assert event_hash(**{**fields, "at": datetime.fromisoformat(fields["at"])}) == digest
    head = Head(**told["head"])
    assert head == Head(**client.get("/v1/audit/head").json())
    assert proves_inclusion(head, 0, digest, told["path"])
    small = client.get("/v1/audit/events/1/proof?size=1").json()
    assert (small["head"]["size"], small["path"]) == (1, [])
    grown = client.get("/v1/audit/consistency?first=1").json()
    assert proves_consistency(Head(**grown["before"]), Head(**grown["after"]), grown["path"])


def test_what_is_not_there(client: TestClient) -> None:
    size = client.get("/v1/audit/head").json()["size"]
    assert client.get(f"/v1/audit/events/{size + 1}").status_code == 404
    assert client.get(f"/v1/audit/events/{size + 1}/proof").status_code == 404
    for query in (f"head?size={size + 1}", "events/2/proof?size=1", "consistency?first=0"):
        assert client.get(f"/v1/audit/{query}").status_code == 422
    assert client.get(f"/v1/audit/consistency?first={size}&second=1").status_code == 422


def test_events_are_filtered_and_paged(client: TestClient) -> None:
    address, seen = "/v1/audit/events?limit=3", []
    while address:
        page = client.get(address).json()
        seen += page["items"]
        address = page["next"]
    numbers = [each["sequence"] for each in seen]
    assert numbers == list(range(len(seen), 0, -1))
    assert client.get("/v1/audit/events/1").json() == seen[-1]
    for name in ("subject", "action", "actor"):
        wanted = [each for each in seen if each[name] == seen[-1][name]]
        found = client.get("/v1/audit/events", params={name: seen[-1][name], "limit": 500}).json()
        # Looking at the trail is itself recorded.
        assert [each for each in found["items"] if each["sequence"] <= numbers[0]] == wanted
    moment = datetime.fromisoformat(seen[0]["at"]).replace(tzinfo=UTC)
    later = (moment + timedelta(days=1)).isoformat()
    assert client.get("/v1/audit/events", params={"since": later}).json()["items"] == []
    assert client.get("/v1/audit/events", params={"until": later}).json()["items"] != []
    assert client.get("/v1/audit/events?cursor=WyJ4Il0").status_code == 422
    assert client.get("/v1/audit/events?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTld").status_code == 200


def test_filters_use_indexes(long: Database) -> None:
    if not long.label.startswith("sqlite"):
        pytest.skip("PostgreSQL reads a table this small without any index")
    plans: list[str] = []

    def explain(connection, _cursor, statement, parameters, *_):  # type: ignore[no-untyped-def]
        if statement.startswith("SELECT audit_event"):
            plan = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" ".join(str(row[3]) for row in plan))

    hooks.listen(long._engine, "before_cursor_execute", explain)
    with long.read() as session:
        events = AuditEvents(session)
        for name in ("subject", "action", "actor"):
            events.page(**{name: "x"})  # type: ignore[arg-type]
            assert f"ix_audit_event_{name}" in plans[-1]
            assert "TEMP B-TREE" not in plans[-1]
