"""``/v1/webhooks``: made, changed, rotated, tested, replayed, removed; and what is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.api.webhook_schemas import Delivery, Webhook
from serving.app import create_app
from serving.domain.access import Role
from serving.domain.push import EVENT_TYPES
from serving.push.delivering import Deliverer
from serving.push.signing import verify
from serving.push.subscribing import MOST
from serving.settings import PushSettings, Settings
from serving.store.audit_events import AuditEvents
from serving.store.session import Database
from tests.serving.conftest import new_key
from tests.serving.push.conftest import Happen
from tests.serving.push.receiver import Receiver
from tests.serving.push.test_push_delivery import drain

NEW = {"url": "https://crm.example.com/hook", "event_types": ["tier.changed"]}


@pytest.fixture
def service(own: Settings, store: Database) -> Iterator[FastAPI]:
    application = create_app(own)
    yield application
    application.state.database.dispose()


@pytest.fixture
def api(service: FastAPI) -> Iterator[TestClient]:
    with TestClient(service, raise_server_exceptions=False) as opened:
        yield opened


def test_the_life_of_a_webhook(api: TestClient, store: Database, receiver: Receiver) -> None:
    made = api.post("/v1/webhooks", json=NEW | {"description": " CRM "})
    assert made.status_code == 201
    secret, webhook = made.json()["secret"], made.json()["webhook"]
    place = f"/v1/webhooks/{webhook['webhook_id']}"
    assert secret.startswith("whsec_")
    assert (webhook["state"], webhook["description"]) == ("active", "CRM")
    assert webhook["created_by"] == "local"
    assert api.get(place).json() == webhook
    listed = api.get("/v1/webhooks").json()
    assert (listed["items"], listed["total"], listed["next"]) == ([webhook], 1, None)

    changed = api.patch(place, json={"paused": True, "event_types": ["alert.*", "run.finished"]})
    assert changed.json()["state"] == "paused"
    assert changed.json()["event_types"] == ["alert.*", "run.finished"]
    assert changed.json()["url"] == NEW["url"]

    rotated = api.post(f"{place}/rotate", json={"overlap_hours": 2}).json()
    assert rotated["secret"] != secret
    assert rotated["webhook"]["old_secret_until"] is not None
    at_once = api.post(f"{place}/rotate", json={"overlap_hours": 0}).json()
    assert at_once["webhook"]["old_secret_until"] is None

    api.patch(place, json={"url": receiver.url})
    tested = api.post(f"{place}/test").json()
    assert (tested["status"], tested["error"]) == (204, None)
    (got,) = receiver.got
    verify(got.headers, got.body, at_once["secret"])
    assert got.event["type"] == "tierwise.webhook.test.v1"

    assert api.delete(place).status_code == 204
    assert api.get(place).status_code == 404
    with store.read() as session:
        trail = list(AuditEvents(session).all())
    assert [event.action for event in trail] == [
        "webhook.created",
        "webhook.changed",
        "webhook.rotated",
        "webhook.rotated",
        "webhook.changed",
        "webhook.removed",
    ]
    assert {event.actor for event in trail} == {"local"}
    written = json.dumps([dict(event.payload) for event in trail])
    assert "/hook" not in written
    assert "crm.example.com" in written
    everything = [made, api.get("/v1/webhooks"), changed]
    assert sum(secret in answer.text for answer in everything) == 1


def test_secrets_are_in_no_other_answer_and_not_in_the_store(
    api: TestClient, own: Settings, receiver: Receiver, happen: Happen, worker: Callable
) -> None:
    made = api.post("/v1/webhooks", json=NEW | {"url": receiver.url}).json()
    place = f"/v1/webhooks/{made['webhook']['webhook_id']}"
    happen("c-1")
    drain(worker)
    bare = made["secret"].removeprefix("whsec_")
    for address in ("/v1/webhooks", place, f"{place}/deliveries", "/metrics", "/openapi.json"):
        assert bare not in api.get(address).text
    key = (own.state / "push.key").read_text().strip()
    assert (own.state / "push.key").stat().st_mode & 0o777 == 0o600
    for file in own.state.glob("tierwise.db*"):
        content = file.read_bytes()
        assert bare.encode() not in content
        assert key.encode() not in content


def test_a_repeated_write_does_not_keep_the_secret(api: TestClient, own: Settings) -> None:
    repeated = {"Idempotency-Key": "once"}
    first, again = (api.post("/v1/webhooks", json=NEW, headers=repeated) for _ in range(2))
    secret = first.json()["secret"]
    assert again.json() == first.json() | {"secret": None}
    assert api.get("/v1/webhooks").json()["total"] == 1
    for file in own.state.glob("tierwise.db*"):
        assert secret.encode() not in file.read_bytes()


def test_deliveries_tell_attempts_and_answers(
    api: TestClient, receiver: Receiver, happen: Happen, worker: Callable[[], Deliverer]
) -> None:
    made = api.post("/v1/webhooks", json=NEW | {"url": receiver.url}).json()
    place = f"/v1/webhooks/{made['webhook']['webhook_id']}"
    receiver.answer = lambda r: (400, {}, b"<b>no</b>") if r.customer == "c-1" else (204, {}, b"")
    happen("c-1", "c-2", "c-3")
    drain(worker)
    seen, address = [], f"{place}/deliveries?limit=2"
    while address:
        page = api.get(address).json()
        assert page["total"] == 3
        seen += page["items"]
        address = page["next"]
    assert [each["sequence"] for each in seen] == [4, 3, 2]
    assert [each["state"] for each in seen] == ["delivered", "delivered", "pending"]
    (attempt,) = seen[2]["attempts"]
    assert (attempt["status"], attempt["answer"]) == (400, "<b>no</b>")
    assert seen[0]["event"] == receiver.got[-1].event or len(receiver.got) == 3
    pending = api.get(f"{place}/deliveries?state=pending").json()
    assert [each["sequence"] for each in pending["items"]] == [2]
    told = api.get(place).json()
    assert (told["pending"], told["delivered"], told["dead"]) == (1, 2, 0)
    everything = {"what": "everything", "since": "2024-07-01T04:00:00+02:00"}
    assert api.post(f"{place}/replay", json=everything).json() == {"messages": 2}
    assert api.post(f"{place}/replay", json={}).json() == {"messages": 0}
    late = everything | {"since": "2024-07-01T02:00:01Z", "until": "2030-01-01T00:00:00Z"}
    assert api.post(f"{place}/replay", json=late).json() == {"messages": 0}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (NEW | {"url": "http://crm.example.com/"}, "#/url"),
        (NEW | {"url": "https://169.254.169.254/latest/meta-data"}, "#/url"),
        (NEW | {"url": "https://10.0.0.1/"}, "#/url"),
        (NEW | {"url": "https://me:word@crm.example.com/"}, "#/url"),
        (NEW | {"event_types": []}, "#/event_types"),
        (NEW | {"event_types": ["tier.changed", "*"]}, "#/event_types/1"),
        (NEW | {"event_types": ["webhook.created"]}, "#/event_types/0"),
        (NEW | {"event_types": ["alert.Opened\n"]}, "#/event_types/0"),
        (NEW | {"secret": "mine"}, "#/secret"),
    ],
)
def test_what_is_wrong_is_pointed_at(api: TestClient, body: dict, pointer: str) -> None:
    answer = api.post("/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert api.get("/v1/webhooks").json()["total"] == 0


def test_unknown_webhooks_are_404(api: TestClient) -> None:
    place = "/v1/webhooks/none"
    answers = [
        api.get(place),
        api.patch(place, json={}),
        api.delete(place),
        api.post(f"{place}/rotate", json={}),
        api.post(f"{place}/test"),
        api.get(f"{place}/deliveries"),
        api.post(f"{place}/replay", json={}),
    ]
    assert {each.status_code for each in answers} == {404}
    assert answers[0].json()["title"] == "No such thing"


def test_lists_are_paged_and_there_is_a_limit(api: TestClient) -> None:
    ids = [api.post("/v1/webhooks", json=NEW).json()["webhook"]["webhook_id"] for _ in range(MOST)]
    refused = api.post("/v1/webhooks", json=NEW)
    assert refused.status_code == 422
    seen, address = [], "/v1/webhooks?limit=20"
    while address:
        page = api.get(address).json()
        seen += [each["webhook_id"] for each in page["items"]]
        address = page["next"]
    assert seen == sorted(ids)
    assert api.get("/v1/webhooks?cursor=x").status_code == 422
    place = f"/v1/webhooks/{ids[0]}/deliveries"
    assert api.get(f"{place}?cursor=x").status_code == 422


def test_outside_development_this_machine_is_out_of_reach(
    own: Settings, store: Database, receiver: Receiver
) -> None:
    strict = own.model_copy(
        update={
            "environment": "production",
            "public_url": "https://grades.example",
            "trusted_proxies": "127.0.0.1",
        }
    )
    application = create_app(strict)
    with TestClient(application, headers=new_key(application, Role.ADMIN)) as api:
        refused = api.post("/v1/webhooks", json=NEW | {"url": receiver.url})
        assert refused.status_code == 422
    application.state.database.dispose()


def test_a_name_that_leads_inside_is_not_followed(
    own: Settings, store: Database, receiver: Receiver
) -> None:
    """The URL looks public; where its name leads is found out when it is sent."""
    strict = own.model_copy(update={"environment": "test"})
    application = create_app(strict)
    with TestClient(application) as api:
        inside = NEW | {"url": f"https://localhost:{receiver.port}/"}
        made = api.post("/v1/webhooks", json=inside).json()["webhook"]
        tested = api.post(f"/v1/webhooks/{made['webhook_id']}/test").json()
    assert tested["error"] == "address_refused"
    assert receiver.got == []
    application.state.database.dispose()


def test_the_service_delivers_by_itself_where_it_is_told_to(
    own: Settings, store: Database, receiver: Receiver, happen: Happen
) -> None:
    push = own.push.model_copy(update={"inside": True})
    application = create_app(own.model_copy(update={"push": push}))
    with TestClient(application) as api:
        api.post("/v1/webhooks", json=NEW | {"url": receiver.url})
        happen("c-1")
        end = time.monotonic() + 20
        while not receiver.arrived and time.monotonic() < end:
            time.sleep(0.05)
    assert len(receiver.arrived) == 1
    application.state.database.dispose()


def test_examples_are_answers() -> None:
    from serving.api import webhook_examples

    for model, example in (
        (Webhook, webhook_examples.WEBHOOK),
        (Delivery, webhook_examples.DELIVERY),
    ):
        parsed = model.model_validate(
            json.loads(json.dumps(example).replace('Z"', '"')) | {"event": example.get("event")}
        )
        assert parsed.model_dump(mode="json") == example


def test_every_event_type_can_be_subscribed_to(api: TestClient) -> None:
    answer = api.post("/v1/webhooks", json=NEW | {"event_types": list(EVENT_TYPES)})
    assert answer.status_code == 201


def test_settings_of_push_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERWISE_PUSH_RETRIES", "[1, 2]")
    monkeypatch.setenv("TIERWISE_PUSH_ALLOW", '["10.1.2.0/24"]')
    monkeypatch.setenv("TIERWISE_PUSH_KEY", "k" * 32)
    told = Settings().push
    assert told.retries == (1, 2)
    assert str(told.allow[0]) == "10.1.2.0/24"
    assert "kkk" not in repr(told)
    assert PushSettings().inside is False
