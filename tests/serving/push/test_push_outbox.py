"""What is put into the outbox: with what happened or not at all, and no more than is needed."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from sqlalchemy import create_engine, text

from features.schema import IndicatorFrame
from serving.audit import record, verify
from serving.batch import run_batch
from serving.domain.event import AuditEvent, Happening
from serving.domain.push import EVENT_TYPES, DeliveryState, Webhook, WebhookState, pushed
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.deliveries import Deliveries
from serving.store.session import Database
from tests.serving.push.conftest import T0, Happen, Subscribe
from training.bundle import Bundle

URL = "https://crm.example.com/hook"


def event(action: str, subject: str = "alert:a1", **payload: object) -> AuditEvent:
    return AuditEvent(7, T0, "person:li", action, subject, payload, "0" * 64, "ab" * 32)


def count(store: Database, webhook_id: str) -> int:
    with store.read() as session:
        return Deliveries(session).page(webhook_id).total


def test_a_message_has_ids_and_states_and_no_words() -> None:
    told = pushed(
        event(
            "alert.resolved",
            customer_id="c-1",
            kind="order_drop",
            state="resolved",
            outcome="recovered",
            note="Mr Wang is ill.",
            cause="loss",
            severity="x" * 201,
            due_at={"a": {"b": 1}},
        )
    )
    assert told is not None
    assert told.data == {
        "alert_id": "a1",
        "customer_id": "c-1",
        "kind": "order_drop",
        "state": "resolved",
        "outcome": "recovered",
    }
    assert told.order_key == "customer:c-1"
    document = json.loads(told.body("urn:tierwise:small"))
    assert document["type"] == "tierwise.alert.resolved.v1"
    assert document["specversion"] == "1.0"
    assert document["id"] == "msg_" + "ab" * 16
    assert document["time"] == "2024-07-01T02:00:00.000000Z"
    assert document["sequence"] == "000000000007"
    assert "person:li" not in json.dumps(document)
    assert told.body("urn:a") == told.body("urn:a")


def test_the_subject_may_be_the_customer_and_others_have_an_order_of_their_own() -> None:
    moved = pushed(event("tier.changed", "customer:c-2", to="core"))
    assert moved is not None
    assert moved.order_key == "customer:c-2"
    run = pushed(event("run.finished", "run:r1", customers=3, tiers={"core": 3}, moves=["a", 1]))
    assert run is not None
    assert run.order_key == "run"
    assert run.data == {"run_id": "r1", "customers": 3, "tiers": {"core": 3}}


@pytest.mark.parametrize("action", ["webhook.created", "access.granted", "run", "export.asked"])
def test_other_things_stay_inside(action: str) -> None:
    assert pushed(event(action)) is None


@pytest.mark.parametrize(
    ("types", "action", "wanted"),
    [
        (("alert.*",), "alert.opened", True),
        (("alert.opened",), "alert.ended", False),
        (("tier.changed", "run.finished"), "run.finished", True),
        (("case.*",), "alert.opened", False),
    ],
)
def test_a_webhook_is_sent_what_it_subscribed_to(
    types: tuple[str, ...], action: str, wanted: bool
) -> None:
    webhook = Webhook("wh", URL, "", types, 1, "k", False, T0, "x", failures=5)
    assert webhook.wants(action) is wanted
    assert webhook.state is WebhookState.FAILING
    assert "alert.opened" in EVENT_TYPES


def test_nothing_is_kept_that_nobody_wants(
    store: Database, subscribe: Subscribe, happen: Happen
) -> None:
    happen("c-1")
    webhook, _ = subscribe(URL, "alert.*")
    happen("c-1")
    assert count(store, webhook.webhook_id) == 0
    other, _ = subscribe(URL, "tier.*")
    happen("c-1", "c-2")
    assert count(store, other.webhook_id) == 2
    assert count(store, webhook.webhook_id) == 0


def test_what_is_rolled_back_is_not_pushed(store: Database, subscribe: Subscribe) -> None:
    """#90: the outbox is written in the transaction of what happened, or not at all."""
    webhook, _ = subscribe(URL)

    def fails() -> None:
        with store.write() as session:
            record(session, [Happening("tier.changed", "customer:c", {})], at=T0, actor="x")
            assert Deliveries(session).page(webhook.webhook_id).total == 1
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fails()
    assert count(store, webhook.webhook_id) == 0
    with store.read() as session:
        assert verify(session).size == 1  # the webhook itself was created


def test_a_batch_fills_the_outbox(
    store: Database, subscribe: Subscribe, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    webhook, _ = subscribe(URL, "run.finished", "alert.*", "case.*")
    result = run_batch(served_bundle, frame, store)
    with store.read() as session:
        trail = list(AuditEvents(session).all())
        page = Deliveries(session).page(webhook.webhook_id, limit=500)
    assert result.opened > 0
    wanted = {"run.finished", "alert.opened", "case.opened"}
    assert wanted <= {event.action for event in trail}
    kept = [event.sequence for event in trail if event.action in wanted]
    assert page.total == len(kept)
    assert [each.message.sequence for each in page.items] == kept[::-1][:500]
    assert all(each.state is DeliveryState.PENDING for each in page.items)


def test_the_tables_go_and_come(store: Database, subscribe: Subscribe, own: Settings) -> None:
    subscribe(URL)
    store.downgrade("0007")
    with create_engine(own.database).connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()
        assert not {"webhook", "delivery", "push_message", "delivery_attempt"} & set(names)
    store.upgrade()
    assert store.is_current()


def test_old_deliveries_are_forgotten(
    store: Database, subscribe: Subscribe, happen: Happen
) -> None:
    webhook, _ = subscribe(URL)
    happen("c-1", "c-2", "c-3")
    with create_engine(store._engine.url).begin() as connection:
        connection.execute(
            text("UPDATE delivery SET state = 'delivered', closed_at = :at WHERE sequence = 2"),
            {"at": datetime(2024, 7, 2).isoformat(" ")},
        )
        connection.execute(
            text("UPDATE delivery SET state = 'dead', closed_at = :at WHERE sequence = 3"),
            {"at": datetime(2024, 7, 2).isoformat(" ")},
        )
    with store.write() as session:
        deliveries = Deliveries(session)
        early, late = datetime(2024, 7, 1), datetime(2024, 7, 3)
        assert deliveries.forget(early, early) == 0
        assert deliveries.forget(late, early) == 1
        assert [d.message.sequence for d in deliveries.page(webhook.webhook_id).items] == [4, 3]
        assert deliveries.forget(late, late) == 1
        left = session.execute(text("SELECT sequence FROM push_message")).scalars().all()
    assert left == [4]
