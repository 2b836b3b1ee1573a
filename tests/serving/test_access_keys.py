"""Keys of machines: shown once, hashed, scoped, expiring, rotated, revoked, never stronger."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from serving import audit
from serving.access.identification import Identifier
from serving.access.keys import create_key, revoke_key, rotate_key
from serving.access.tokens import digest, key_text, new_key_id, new_secret, parse_key
from serving.app import create_app
from serving.domain.access import GRANTS, LOCAL, Permission, Principal, Role
from serving.domain.credentials import ApiKey
from serving.errors import (
    CredentialConflictError,
    CredentialNotFoundError,
    ForbiddenError,
    InvalidRequestError,
    StoreError,
)
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.credentials import ApiKeys
from serving.store.session import Database
from tests.serving.conftest import new_key

AT = datetime(2026, 3, 1, 12)
HOUR = timedelta(hours=1)
ADMIN = Principal("person:boss", "person", frozenset({Role.ADMIN}), GRANTS[Role.ADMIN])


class Watch:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.at, self.seconds = AT, 0.0

    def pass_(self, span: timedelta) -> None:
        self.at += span
        self.seconds += span.total_seconds()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def identifier(database: Database, watch: Watch) -> Iterator[Identifier]:
    made = Identifier(database, HOUR, clock=lambda: watch.at, timer=lambda: watch.seconds)
    yield made
    made.close()


@pytest.fixture
def own(guarded_copy: Callable[..., Settings]) -> Iterator[FastAPI]:
    """A guarded service of the test's own."""
    application = create_app(guarded_copy())
    yield application
    application.state.identifier.close()
    application.state.database.dispose()


@pytest.fixture
def asker(own: FastAPI) -> TestClient:
    return TestClient(own, raise_server_exceptions=False, follow_redirects=False)


async def _asks(identifier: Identifier, text: str) -> str | None:
    found = await identifier.identify(b"k", text.encode())
    return None if found is None else found.principal.id


def asks(identifier: Identifier, text: str) -> str | None:
    import anyio

    return anyio.run(_asks, identifier, text)


def test_a_key_is_kept_as_a_hash_only(database: Database) -> None:
    key, text = create_key(database, ADMIN, "sync", [Role.CRM], days=1, at=AT)
    found = re.fullmatch(r"tw_([a-z2-7]{16})_([A-Za-z0-9_-]{43})", text)
    assert found is not None
    assert found[1] == key.key_id
    assert key.secret_hash == hashlib.sha256(found[2].encode()).hexdigest()
    with database.read() as session:
        kept = ApiKeys(session).get(key.key_id)
        assert kept == key == ApiKeys(session).named("sync")
        trail = [(e.actor, e.action, e.subject, e.payload) for e in AuditEvents(session).all()]
    assert [t[:3] for t in trail] == [("person:boss", "key.created", "key:sync")]
    assert found[2] not in repr((kept, trail))
    assert key.secret_hash not in repr(trail)


def test_secrets_have_256_bits_and_never_come_twice() -> None:
    made = {new_secret() for _ in range(500)}
    assert len(made) == 500
    assert {len(secret) for secret in made} == {43}
    assert len({new_key_id() for _ in range(500)}) == 500


@given(st.text(max_size=80))
def test_what_is_no_key_is_not_read_as_one(text: str) -> None:
    parts = parse_key(text)
    assert parts is None or key_text(*parts) == text


def test_a_key_expires(database: Database, identifier: Identifier, watch: Watch) -> None:
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=1, at=AT)
    assert asks(identifier, text) == "key:sync"
    watch.pass_(timedelta(days=1))
    assert asks(identifier, text) is None
    with pytest.raises(CredentialConflictError, match="over"):
        rotate_key(database, ADMIN, "sync", overlap_hours=1, at=watch.at)


def test_a_rotated_key_overlaps_and_then_does_not(
    database: Database, identifier: Identifier, watch: Watch
) -> None:
    key, old = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)
    _, new = rotate_key(database, ADMIN, key.key_id, overlap_hours=2, at=AT)
    assert old != new
    assert asks(identifier, old) == asks(identifier, new) == "key:sync"
    watch.pass_(2 * HOUR)
    assert asks(identifier, old) is None
    assert asks(identifier, new) == "key:sync"
    # Rotated at once: the secret that leaked opens nothing from now on.
    _, newest = rotate_key(database, ADMIN, "sync", overlap_hours=0, at=watch.at)
    watch.pass_(HOUR)
    assert asks(identifier, new) is None
    assert asks(identifier, newest) == "key:sync"


def test_a_revoked_key_opens_nothing_within_a_second(
    database: Database, identifier: Identifier, watch: Watch
) -> None:
    """Also where another process revoked it, which this one is not told of."""
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)
    assert asks(identifier, text) == "key:sync"
    revoke_key(database, ADMIN, "sync", at=AT)
    watch.pass_(timedelta(seconds=1))
    assert asks(identifier, text) is None
    with pytest.raises(CredentialConflictError, match="already"):
        revoke_key(database, ADMIN, "sync", at=AT)


def test_what_this_process_changes_holds_at_once(
    database: Database, identifier: Identifier
) -> None:
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)
    assert asks(identifier, text) == "key:sync"
    revoke_key(database, ADMIN, "sync", at=AT)
    assert asks(identifier, text) == "key:sync"  # remembered ...
    identifier.forget()
    assert asks(identifier, text) is None  # ... until told


def test_a_lookup_that_began_before_a_change_is_not_remembered(
    database: Database, identifier: Identifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)
    look_up = Identifier._key

    def meanwhile(self: Identifier, given: str) -> Any:
        found = look_up(self, given)
        revoke_key(database, ADMIN, "sync", at=AT)
        self.forget()
        return found

    monkeypatch.setattr(Identifier, "_key", meanwhile)
    assert asks(identifier, text) == "key:sync"  # it was, when it was asked
    monkeypatch.undo()
    assert asks(identifier, text) is None


def test_a_store_that_does_not_answer_lets_nobody_in(
    database: Database, identifier: Identifier, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)
    assert asks(identifier, text) == "key:sync"

    def broken(self: Identifier, given: str) -> None:
        raise StoreError("gone.")

    monkeypatch.setattr(Identifier, "_key", broken)
    watch.pass_(timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(StoreError):
            asks(identifier, text)


def test_memory_of_keys_is_bounded(
    database: Database, identifier: Identifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.access.identification._MOST", 2)
    texts = [create_key(database, ADMIN, f"k{n}", [Role.CRM], days=1, at=AT)[1] for n in range(5)]
    for n, text in enumerate(texts):
        assert asks(identifier, text) == f"key:k{n}"
    assert len(identifier._kept) <= 2


def test_the_last_use_is_noted_coarsely(
    database: Database, identifier: Identifier, watch: Watch
) -> None:
    key, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)

    def noted() -> datetime | None:
        identifier.settle()
        with database.read() as session:
            kept = ApiKeys(session).get(key.key_id)
        assert kept is not None
        return kept.last_used_at

    assert noted() is None
    asks(identifier, text)
    assert noted() == AT
    watch.pass_(timedelta(minutes=5))
    asks(identifier, text)
    assert noted() == AT
    watch.pass_(timedelta(minutes=5))
    asks(identifier, text)
    assert noted() == AT + timedelta(minutes=10)


def test_a_stamp_that_fails_stops_nobody(
    database: Database,
    identifier: Identifier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, text = create_key(database, ADMIN, "sync", [Role.CRM], days=30, at=AT)

    def broken(*given: object) -> None:
        raise StoreError("locked.")

    monkeypatch.setattr(ApiKeys, "used", broken)
    assert asks(identifier, text) == "key:sync"
    identifier.settle()
    assert "was not noted" in caplog.text


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison of a hash goes through hmac.compare_digest, whichever fails."""
    compared: list[tuple[str, str]] = []

    def comparing(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("serving.domain.credentials.hmac.compare_digest", comparing)
    key = ApiKey(
        "id", "n", frozenset({Role.CRM}), None, digest("right"), AT, "x", AT + HOUR, digest("old"),
        AT + HOUR,
    )  # fmt: skip
    for secret, opens in (("right", True), ("old", True), ("wrong", False)):
        compared.clear()
        assert key.accepts(digest(secret), AT) is opens
        assert len(compared) == 2


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"name": "Sync"}, "#/name"),
        ({"name": "a"}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"roles": []}, "#/roles"),
        ({"scopes": [Permission.AUDIT_READ]}, "#/scopes"),
        ({"days": 0}, "#/days"),
        ({"days": 10_000}, "#/days"),
    ],
)
def test_keys_that_cannot_be(database: Database, changed: dict, place: str) -> None:
    given = {"name": "sync", "roles": [Role.CRM], "days": 1, "scopes": None} | changed
    with pytest.raises(InvalidRequestError) as caught:
        create_key(database, ADMIN, given.pop("name"), given.pop("roles"), at=AT, **given)
    assert place in {fault.pointer for fault in caught.value.faults}


def test_names_are_not_used_twice(database: Database) -> None:
    create_key(database, ADMIN, "sync", [Role.CRM], days=1, at=AT)
    revoke_key(database, ADMIN, "sync", at=AT)
    with pytest.raises(CredentialConflictError, match="was"):
        create_key(database, ADMIN, "sync", [Role.CRM], days=1, at=AT)
    with pytest.raises(CredentialNotFoundError):
        revoke_key(database, ADMIN, "none", at=AT)


@pytest.mark.parametrize(("holder", "wanted"), list(itertools.product(Role, Role)))
def test_a_key_makes_no_stronger_key(database: Database, holder: Role, wanted: Role) -> None:
    """Every pair of roles: a machine that manages access gives only what it has itself."""
    own = GRANTS[holder] | {Permission.ACCESS_MANAGE}
    machine = Principal("key:x", "machine", frozenset({holder, Role.ADMIN}), own)
    strong, _ = create_key(database, LOCAL, "strong", [wanted], days=1, at=AT)
    if GRANTS[wanted] <= own:
        create_key(database, machine, "made", [wanted], days=1, at=AT)
        rotate_key(database, machine, "strong", overlap_hours=1, at=AT)
    else:
        with pytest.raises(ForbiddenError, match="cannot give"):
            create_key(database, machine, "made", [wanted], days=1, at=AT)
        # A new secret of a stronger key would be a stronger key.
        with pytest.raises(ForbiddenError, match="cannot give"):
            rotate_key(database, machine, "strong", overlap_hours=1, at=AT)
        with database.read() as session:
            assert ApiKeys(session).named("made") is None
            assert ApiKeys(session).named("strong") == strong


def test_keys_over_the_wire(own: FastAPI, asker: TestClient) -> None:
    admin = new_key(own, *Role)
    made = asker.post(
        "/v1/access/keys",
        headers=admin,
        json={"name": "crm-sync", "roles": ["crm"], "scopes": ["grades.read"], "days": 30},
    )
    assert made.status_code == 201
    secret, key = made.json()["secret"], made.json()["key"]
    assert (key["status"], key["permissions"]) == ("live", ["grades.read"])
    crm = {"Authorization": f"bearer {secret}"}
    assert asker.get("/v1/grades/c-0007", headers=crm).status_code == 200
    place = f"/v1/access/keys/{key['key_id']}"
    again = asker.post(f"{place}/rotate", headers=admin, json={"overlap_hours": 0})
    assert asker.get("/v1/grades/c-0007", headers=crm).status_code == 401
    crm = {"Authorization": f"Bearer {again.json()['secret']}"}
    assert asker.get("/v1/grades/c-0007", headers=crm).status_code == 200
    gone = asker.post(f"{place}/revoke", headers=admin)
    assert gone.json()["status"] == "revoked"
    assert asker.get("/v1/grades/c-0007", headers=crm).status_code == 401
    listed, address = [], "/v1/access/keys?limit=1"
    while address:
        page = asker.get(address, headers=admin)
        assert secret not in page.text
        listed += page.json()["items"]
        address = page.json()["next"]
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)
    assert page.json()["total"] == len(listed) == 2
    with own.state.database.read() as session:
        head = audit.verify(session)
        trail = [(e.action, e.actor) for e in AuditEvents(session).about("key:crm-sync")]
    assert head.size
    assert [action for action, _ in trail] == ["key.revoked", "key.rotated", "key.created"]
    assert all(actor.startswith("key:test-") for _, actor in trail)


def test_expired_keys_are_told(own: FastAPI, asker: TestClient) -> None:
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=2)
    _, text = create_key(own.state.database, LOCAL, "old", [Role.CRM], days=1, at=past)
    refused = asker.get("/v1/grades", headers={"Authorization": f"Bearer {text}"})
    assert refused.status_code == 401
    (old,) = [
        key
        for key in asker.get("/v1/access/keys", headers=new_key(own, Role.ADMIN)).json()["items"]
        if key["name"] == "old"
    ]
    assert old["status"] == "expired"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer tw_aaaaaaaaaaaaaaaa_" + "A" * 43,
        "Bearer tw_aaaaaaaaaaaaaaaa_" + "A" * 42,
        "Basic dTpw",
        "tw_aaaaaaaaaaaaaaaa_" + "A" * 43,
        "Bearer \u00e9".encode(),
        "Bearer " + "x" * 5_000,
        "",
    ],
)
def test_whatever_is_no_key_is_refused(asker: TestClient, header: str | bytes) -> None:
    answer = asker.get("/v1/grades", headers={"Authorization": header})  # type: ignore[dict-item]
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:tierwise:problem:unauthenticated"


def test_a_changed_character_opens_nothing(own: FastAPI, asker: TestClient) -> None:
    text = new_key(own, Role.CRM)["Authorization"]
    assert asker.get("/v1/model", headers={"Authorization": text}).status_code == 200
    for place in (12, 30, len(text) - 5):
        other = "b" if text[place] != "b" else "c"
        wrong = text[:place] + other + text[place + 1 :]
        assert asker.get("/v1/model", headers={"Authorization": wrong}).status_code == 401


def test_the_actor_of_a_response_is_who_asked(own: FastAPI, asker: TestClient) -> None:
    crm = new_key(own, Role.CRM)
    alerts = asker.get("/v1/alerts?limit=1", headers=crm).json()["items"]
    if not alerts:
        pytest.fail("the world of the tests raises no alert")
    place = f"/v1/alerts/{alerts[0]['alert_id']}/acknowledge"
    pretended = asker.post(place, headers=crm, json={"actor": "somebody else"})
    assert pretended.status_code == 422
    taken = asker.post(place, headers=crm, json={"note": "on it"}).json()
    me = asker.get("/v1/access/self", headers=crm).json()["id"]
    assert taken["actions"][0]["actor"] == me
    assert me.startswith("key:test-")


def test_many_threads_ask_with_one_key(own: FastAPI) -> None:
    from concurrent.futures import ThreadPoolExecutor

    headers = new_key(own, Role.CRM)
    with TestClient(own) as client, ThreadPoolExecutor(16) as crowd:
        for _ in range(2):
            asked = [crowd.submit(client.get, "/v1/model", headers=headers) for _ in range(64)]
            assert {answer.result().status_code for answer in asked} == {200}
            sleep(1.05)
