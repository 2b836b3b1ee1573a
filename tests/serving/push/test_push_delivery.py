"""Delivering to a real receiver: signed, tried again, in order, each for itself."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from serving.domain.push import DeliveryState, Webhook, WebhookState
from serving.push.delivering import Deliverer
from serving.push.keys import PushKey
from serving.push.signing import WebhookRefusedError, verify
from serving.push.subscribing import Subscriptions
from serving.settings import Settings
from serving.store.deliveries import Deliveries
from serving.store.session import Database
from serving.store.webhooks import Webhooks
from tests.serving.push.conftest import T0, Clock, Happen, Subscribe
from tests.serving.push.receiver import Received, Receiver, check_order

Worker = Callable[[], Deliverer]


def drain(worker: Worker) -> Deliverer:
    one = worker()
    asyncio.run(one.drain())
    return one


def kept(store: Database, webhook: Webhook) -> Webhook:
    with store.read() as session:
        found = Webhooks(session).get(webhook.webhook_id)
    assert found is not None
    return found


def states(store: Database, webhook: Webhook) -> list[DeliveryState]:
    with store.read() as session:
        page = Deliveries(session).page(webhook.webhook_id, limit=500)
    return [each.state for each in page.items][::-1]


def failing_first(times: int, status: int = 500, **headers: str) -> Callable:
    left = iter(range(times))

    def answer(_request: Received) -> tuple[int, dict[str, str], bytes]:
        if next(left, None) is None:
            return 200, {}, b"thanks"
        return status, {name.replace("_", "-"): v for name, v in headers.items()}, b"not\x00now"

    return answer


def test_a_message_arrives_signed(
    store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen, worker: Worker
) -> None:
    """#90: a tier change is pushed; its signature verifies, and not for anybody else's secret."""
    webhook, secret = subscribe(receiver.url)
    happen("c-1")
    one = drain(worker)
    assert (one.delivered, one.failed) == (1, 0)
    (got,) = receiver.got
    told = verify(got.headers, got.body, secret, now=T0.timestamp(), tolerance=86_400)
    assert told == got.event["id"]
    assert got.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert got.event["data"] == {"customer_id": "c-1", "from": "core", "to": "strategic"}
    assert got.event["source"] == "urn:tierwise:small"
    assert got.path == "/hook"
    with pytest.raises(WebhookRefusedError):
        verify(got.headers, got.body + b" ", secret, now=T0.timestamp(), tolerance=86_400)
    assert states(store, webhook) == [DeliveryState.DELIVERED]
    assert kept(store, webhook).succeeded_at == T0
    assert drain(worker).delivered == 0
    assert len(receiver.got) == 1


def test_failures_are_tried_again_by_the_schedule_and_end(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    clock: Clock,
) -> None:
    receiver.answer = failing_first(99)
    webhook, _ = subscribe(receiver.url)
    happen("c-1")
    waits = (10, 20, 40)
    for tries, wait in enumerate(waits, 1):
        drain(worker)
        assert len(receiver.got) == tries
        clock.pass_(wait - 1)
        drain(worker)
        assert len(receiver.got) == tries
        clock.pass_(1)
    drain(worker)
    assert len(receiver.got) == 4
    assert states(store, webhook) == [DeliveryState.DEAD]
    clock.pass_(1e6)
    drain(worker)
    assert len(receiver.got) == 4
    with store.read() as session:
        (delivery,) = Deliveries(session).page(webhook.webhook_id).items
    assert [each.number for each in delivery.attempts] == [1, 2, 3, 4]
    assert {each.status for each in delivery.attempts} == {500}
    assert delivery.attempts[0].answer == "not now"
    assert len({each.event["id"] for each in receiver.got}) == 1
    assert len({each.body for each in receiver.got}) == 1
    assert len({each.headers["webhook-timestamp"] for each in receiver.got}) == 4


def test_retry_after_is_honoured(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    clock: Clock,
) -> None:
    receiver.answer = failing_first(1, 429, Retry_After="120")
    webhook, _ = subscribe(receiver.url)
    happen("c-1")
    drain(worker)
    happen("c-2")
    clock.pass_(119)
    drain(worker)  # neither this message nor any other of the webhook
    assert len(receiver.got) == 1
    assert kept(store, webhook).resume_at == T0 + timedelta(seconds=120)
    clock.pass_(1)
    drain(worker)
    assert states(store, webhook) == [DeliveryState.DELIVERED] * 2


def test_dead_messages_are_replayed(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    clock: Clock,
    own: Settings,
) -> None:
    """After a dead letter the customer's next message goes; the receiver sees the gap."""
    receiver.answer = failing_first(4, 400)
    webhook, _ = subscribe(receiver.url)
    happen("c-1", "c-1")
    for wait in (10, 20, 40, 0):
        drain(worker)
        clock.pass_(wait)
    assert states(store, webhook) == [DeliveryState.DEAD, DeliveryState.DELIVERED]
    assert [each.sequence for each in receiver.arrived] == [3]
    people = Subscriptions(store, own, "person:ops", clock.now)
    assert people.replay(webhook.webhook_id, [DeliveryState.DEAD]) == 1
    drain(worker)
    assert [each.sequence for each in receiver.arrived] == [3, 2]
    both = [DeliveryState.DEAD, DeliveryState.DELIVERED]
    assert people.replay(webhook.webhook_id, both, since=T0 + timedelta(seconds=1)) == 0
    assert people.replay(webhook.webhook_id, both, until=T0) == 0
    assert people.replay(webhook.webhook_id, both, T0, T0 + timedelta(seconds=1)) == 2
    drain(worker)
    assert [each.sequence for each in receiver.arrived] == [3, 2, 2, 3]


def test_a_customers_messages_arrive_in_order_under_concurrency(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    clock: Clock,
) -> None:
    """#90: in order for each customer, though two workers send at once and a third fails."""
    noise = random.Random(7)

    def answer(_request: Received) -> tuple[int, dict[str, str], bytes]:
        time.sleep(noise.random() * 0.01)
        return (503 if noise.random() < 0.3 else 204), {}, b""

    receiver.answer = answer
    webhook, _ = subscribe(receiver.url)
    customers = [f"c-{number}" for number in range(10)]
    for _ in range(6):
        happen(*noise.sample(customers, 10))

    async def two() -> None:
        await asyncio.gather(worker().drain(), worker().drain())

    for _ in range(200):
        asyncio.run(two())
        if DeliveryState.PENDING not in states(store, webhook):
            break
        clock.pass_(5)
    ended = states(store, webhook)
    assert len(ended) == 60
    assert DeliveryState.PENDING not in ended
    check_order(receiver.arrived)
    assert len(receiver.arrived) == ended.count(DeliveryState.DELIVERED)  # nobody sent one twice
    assert ended.count(DeliveryState.DELIVERED) >= 50


def test_one_customer_waits_for_its_earlier_message_and_others_do_not(
    receiver: Receiver, subscribe: Subscribe, happen: Happen, worker: Worker, clock: Clock
) -> None:
    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        return (422 if request.customer == "c-1" and len(receiver.got) < 5 else 204), {}, b""

    receiver.answer = answer
    subscribe(receiver.url)
    happen("c-1", "c-2", "c-1", "c-3")
    drain(worker)
    assert {each.customer for each in receiver.arrived} == {"c-2", "c-3"}
    clock.pass_(10)
    drain(worker)
    clock.pass_(20)
    drain(worker)
    assert [each.sequence for each in receiver.arrived if each.customer == "c-1"] == [2, 4]


def test_a_broken_webhook_holds_nobody_up(
    receiver: Receiver, subscribe: Subscribe, happen: Happen, own: Settings, store: Database,
    key: PushKey,
) -> None:  # fmt: skip
    """One hangs until its timeout, the other has everything long before."""
    hangs = Receiver(answer=lambda _: (time.sleep(1.5), (204, {}, b""))[1]).start()
    try:
        slow, _ = subscribe(hangs.url)
        subscribe(receiver.url)
        happen(*(f"c-{number}" for number in range(40)))
        started = time.monotonic()
        push = own.push.model_copy(update={"timeout": 1.0})

        async def some_time() -> None:
            stop = asyncio.Event()
            from serving.push.installation import rules_of, source_of

            one = Deliverer(store, push, key, rules_of(own), source_of(own))
            running = asyncio.create_task(one.run(stop))
            while len(receiver.arrived) < 40 and time.monotonic() - started < 20:
                await asyncio.sleep(0.05)
            stop.set()
            await running

        asyncio.run(some_time())
        assert len(receiver.arrived) == 40
        assert receiver.got[-1].at - receiver.got[0].at < 10
        assert len(hangs.got) <= 12
        with store.read() as session:
            page = Deliveries(session).page(slow.webhook_id, limit=100)
        errors = {each.error for delivery in page.items for each in delivery.attempts}
        assert errors == {"timeout"}
    finally:
        hangs.stop()


def test_a_failing_webhook_is_probed_and_its_queue_loses_no_tries(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    clock: Clock,
) -> None:
    webhook, _ = subscribe(receiver.url)
    receiver.stop()
    happen(*(f"c-{number}" for number in range(50)))
    drain(worker)
    for _ in range(10):
        clock.pass_(1)
        drain(worker)
    assert kept(store, webhook).state is WebhookState.FAILING
    with store.read() as session:
        page = Deliveries(session).page(webhook.webhook_id, limit=100)
    tried = [each for each in page.items if each.attempts]
    assert len(tried) <= 15
    assert {each.error for d in tried for each in d.attempts} == {"unreachable"}
    receiver.start()
    clock.pass_(600)
    drain(worker)
    assert kept(store, webhook).state is WebhookState.ACTIVE
    assert len(receiver.arrived) == 50


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), None),
        ((410, {}, b""), None),
    ],
)
def test_redirects_are_not_followed(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    answer: tuple,
    error: str | None,
) -> None:
    receiver.answer = lambda _: answer
    webhook, _ = subscribe(receiver.url)
    happen("c-1")
    drain(worker)
    with store.read() as session:
        (delivery,) = Deliveries(session).page(webhook.webhook_id).items
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.error) == (answer[0], error)
    assert delivery.state is DeliveryState.PENDING


def test_paused_webhooks_wait_and_lose_nothing(
    store: Database,
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    own: Settings,
) -> None:
    from serving.push.subscribing import Wish

    webhook, _ = subscribe(receiver.url)
    people = Subscriptions(store, own, "person:ops", T0)
    people.change(webhook.webhook_id, Wish(paused=True))
    happen("c-1")
    drain(worker)
    assert receiver.got == []
    assert kept(store, webhook).state is WebhookState.PAUSED
    people.change(webhook.webhook_id, Wish(paused=False))
    drain(worker)
    assert len(receiver.got) == 1


def test_two_secrets_sign_while_one_goes(
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    store: Database,
    own: Settings,
    key: PushKey,
    clock: Clock,
) -> None:
    webhook, old = subscribe(receiver.url)
    people = Subscriptions(store, own, "person:ops", clock.now)
    _, new = people.rotate(webhook.webhook_id, key, timedelta(hours=1))
    assert old != new
    happen("c-1")
    drain(worker)
    clock.pass_(3_600)
    happen("c-2")
    drain(worker)
    first, second = receiver.got
    when = {"tolerance": 0, "now": float(first.headers["webhook-timestamp"])}
    for secret in (old, new):
        verify(first.headers, first.body, secret, **when)
    when["now"] += 3_600
    verify(second.headers, second.body, new, **when)
    with pytest.raises(WebhookRefusedError):
        verify(second.headers, second.body, old, **when)


def test_another_key_sends_nothing(
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    store: Database,
    own: Settings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wrong signature is worse than none: the message waits until the key is back."""
    webhook, _ = subscribe(receiver.url)
    happen("c-1")
    other = PushKey(b"x" * 32)
    one = worker()
    one._key = other
    with caplog.at_level(logging.ERROR):
        asyncio.run(one.drain())
    assert receiver.got == []
    assert "another key" in caplog.text
    assert states(store, webhook) == [DeliveryState.PENDING]
    clock.pass_(60)
    drain(worker)
    assert len(receiver.got) == 1
    people = Subscriptions(store, own, "person:ops", clock.now)
    after, _ = people.rotate(webhook.webhook_id, other, timedelta(hours=1))
    assert after.previous_until is None  # the old secret cannot be derived any more


def test_a_lost_lease_writes_nothing(
    store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen, clock: Clock
) -> None:
    """Whose lease ended may not close what another worker has by now."""
    from serving.domain.push import Attempt

    webhook, _ = subscribe(receiver.url)
    happen("c-1", "c-1")
    until = clock.now + timedelta(seconds=10)
    with store.write() as session:
        deliveries = Deliveries(session)
        (first,) = deliveries.lease(webhook.webhook_id, 9, "a", clock.now, until)
        assert deliveries.lease(webhook.webhook_id, 9, "b", clock.now, until) == []
        later = until + timedelta(seconds=10)
        (again,) = deliveries.lease(webhook.webhook_id, 9, "b", until, later)
        assert replace(again, next_at=first.next_at) == first
        done = Attempt(0, clock.now, 5, 204, None, "")
        assert not deliveries.close(first, "a", done, DeliveryState.DELIVERED, clock.now)
        assert deliveries.close(again, "b", done, DeliveryState.DELIVERED, clock.now)
        assert not deliveries.close(again, "b", done, DeliveryState.DELIVERED, clock.now)
        (second,) = deliveries.lease(webhook.webhook_id, 9, "c", clock.now, until)
        assert second.message.sequence == first.message.sequence + 1


def test_neither_secrets_nor_urls_are_logged(
    receiver: Receiver,
    subscribe: Subscribe,
    happen: Happen,
    worker: Worker,
    key: PushKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver.answer = failing_first(1)
    with caplog.at_level(logging.DEBUG, logger="tierwise"), caplog.at_level(logging.INFO):
        _, secret = subscribe(f"{receiver.url}/T0KEN?signature=s3cret")
        happen("c-1")
        drain(worker)
    assert "did not arrive (500)" in caplog.text
    for word in (secret, "T0KEN", "s3cret", "whsec_"):
        assert word not in caplog.text
    assert "whsec_" not in repr(key)


def test_a_worker_writes_what_is_under_way_before_it_stops(
    store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen, worker: Worker
) -> None:
    """A graceful stop: what was sent is written, so nothing is sent twice."""
    began = threading.Event()

    def answer(_request: Received) -> tuple[int, dict[str, str], bytes]:
        began.set()
        time.sleep(0.3)
        return 204, {}, b""

    receiver.answer = answer
    webhook, _ = subscribe(receiver.url)
    happen("c-1")

    async def stopped() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(worker().run(stop))
        await asyncio.to_thread(began.wait, 10)
        stop.set()
        await running

    asyncio.run(stopped())
    assert states(store, webhook) == [DeliveryState.DELIVERED]
