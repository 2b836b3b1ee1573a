"""The worker: leases what is due, sends it, writes how it went; at least once, in order.

Outcomes and new leases are one transaction after the other; a worker that is killed in between
has sent what nobody wrote down, and it is sent again when the lease ends. Each webhook has its
own places, so that one that hangs keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.errors import TierwiseError
from serving.domain.push import Delivery, DeliveryState, Webhook, WebhookState
from serving.errors import StoreError
from serving.push.addresses import AddressRules
from serving.push.keys import PushKey
from serving.push.schedule import Schedule
from serving.push.sending import Sender, Sent
from serving.settings import PushSettings
from serving.store.deliveries import Deliveries
from serving.store.session import Database
from serving.store.webhooks import Webhooks

LOG = logging.getLogger("tierwise.push")
IDLE = 0.5
"""Seconds between looks at an empty outbox."""
AT_ONCE = 64
"""Messages under way to all webhooks together."""
MARGIN = 5.0
"""Seconds that a lease outlives the timeout of what it is for."""
_FORGET_EVERY = timedelta(hours=1)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Outcome:
    delivery: Delivery
    lease: str
    sent: Sent


class Deliverer:
    """Delivers from one store until it is told to stop.

    Parameters
    ----------
    source
        Of the messages, a URI: whose they are.
    clock
        Returns now, naive UTC.
    """

    def __init__(
        self,
        database: Database,
        push: PushSettings,
        key: PushKey,
        rules: AddressRules,
        source: str,
        *,
        clock: Clock | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._database = database
        self._push = push
        self._key = key
        self._source = source
        self._clock = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
        self._schedule = schedule or Schedule(push.retries)
        self._sender = Sender(rules, push.timeout, self._clock)
        self._outcomes: list[_Outcome] = []
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._forgotten: datetime | None = None
        self.delivered = 0
        self.failed = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``; what is under way is finished and written first."""
        try:
            while not stop.is_set():
                await self._turn()
                await self._wait(stop)
        finally:
            await self._end()

    async def drain(self) -> None:
        """Deliver until nothing is due any more."""
        try:
            while True:
                leased = await self._turn()
                if not leased and not self._under_way and not self._outcomes:
                    return
                if self._under_way:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end()

    async def _turn(self) -> int:
        """Write what is done and lease what is due; return how many were leased."""
        outcomes, busy = tuple(self._outcomes), Counter(self._under_way.values())
        # A name of its own for every turn: a lease that ended is lost to its holder, too.
        lease = secrets.token_hex(16)
        try:
            leased = await asyncio.to_thread(self._write, outcomes, busy, lease)
        except StoreError as error:
            # What was sent stays to be written; at worst its lease ends and it is sent again.
            LOG.warning("deliveries wait for the store: %s", error.message)
            await asyncio.sleep(IDLE)
            return 0
        del self._outcomes[: len(outcomes)]
        self._count(outcomes)
        for webhook, delivery in leased:
            task = asyncio.create_task(self._send(webhook, delivery, lease))
            self._under_way[task] = webhook.webhook_id
            task.add_done_callback(self._done)
        return len(leased)

    async def _wait(self, stop: asyncio.Event) -> None:
        if self._outcomes:
            return
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait(
            [stopping, *self._under_way], timeout=IDLE, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()

    async def _end(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._sender.close()
        try:
            await asyncio.to_thread(self._write_last)
        except StoreError as error:
            LOG.warning("the last deliveries will be sent again: %s", error.message)

    async def _send(self, webhook: Webhook, delivery: Delivery, lease: str) -> None:
        message = delivery.message
        valid = self._key.valid_secrets(webhook, self._clock())
        body = message.body(self._source)
        sent = await self._sender.send(webhook.url, message.message_id, body, valid)
        self._outcomes.append(_Outcome(delivery, lease, sent))

    def _done(self, task: asyncio.Task[None]) -> None:
        webhook_id = self._under_way.pop(task)
        error = task.exception()
        if error is not None:
            # Another key, or a bug: the lease ends by itself, and it is tried again.
            told = error.message if isinstance(error, TierwiseError) else repr(error)
            LOG.error("webhook %s: %s", webhook_id, told)

    def _write(
        self, outcomes: tuple[_Outcome, ...], busy: Mapping[str, int], lease: str
    ) -> list[tuple[Webhook, Delivery]]:
        """Write outcomes and take leases, if there is anything to do."""
        now = self._clock()
        forgets = self._forgotten is None or now - self._forgotten >= _FORGET_EVERY
        if not outcomes and not forgets:
            with self._database.read() as session:
                deliveries = Deliveries(session)
                places = self._places(Webhooks(session).all(), busy, now)
                if not any(deliveries.due(each.webhook_id, now, 1) for each, _ in places):
                    return []
        with self._database.write() as session:
            self._close(Deliveries(session), Webhooks(session), outcomes)
            leased = self._take(Deliveries(session), Webhooks(session).all(), busy, lease)
            if forgets:
                Deliveries(session).forget(
                    now - timedelta(days=self._push.keep_days),
                    now - timedelta(days=self._push.keep_dead_days),
                )
        if forgets:
            self._forgotten = now
        return leased

    def _write_last(self) -> None:
        outcomes = tuple(self._outcomes)
        if outcomes:
            with self._database.write() as session:
                self._close(Deliveries(session), Webhooks(session), outcomes)
        self._outcomes.clear()
        self._count(outcomes)

    def _take(
        self,
        deliveries: Deliveries,
        webhooks: tuple[Webhook, ...],
        busy: Mapping[str, int],
        lease: str,
    ) -> list[tuple[Webhook, Delivery]]:
        now = self._clock()
        until = now + timedelta(seconds=self._push.timeout + MARGIN)
        leased: list[tuple[Webhook, Delivery]] = []
        for webhook, places in self._places(webhooks, busy, now):
            room = min(places, AT_ONCE - sum(busy.values()) - len(leased))
            if room > 0:
                taken = deliveries.lease(webhook.webhook_id, room, lease, now, until)
                leased += [(webhook, delivery) for delivery in taken]
        return leased

    def _places(
        self, webhooks: tuple[Webhook, ...], busy: Mapping[str, int], now: datetime
    ) -> list[tuple[Webhook, int]]:
        """Return which webhooks may be sent how many more; those with least under way first."""
        found = []
        for webhook in webhooks:
            if webhook.paused or (webhook.resume_at is not None and now < webhook.resume_at):
                continue
            failing = webhook.state is WebhookState.FAILING
            under_way = busy.get(webhook.webhook_id, 0)
            places = (1 if failing else self._push.at_once) - under_way
            if places > 0:
                found.append((under_way, webhook, places))
        found.sort(key=lambda each: (each[0], each[1].webhook_id))
        return [(webhook, places) for _, webhook, places in found]

    def _close(
        self, deliveries: Deliveries, webhooks: Webhooks, outcomes: tuple[_Outcome, ...]
    ) -> None:
        for outcome in sorted(outcomes, key=lambda each: each.delivery.webhook_id):
            delivery, attempt, asked = outcome.delivery, outcome.sent.attempt, outcome.sent.asked
            state, next_at = DeliveryState.DELIVERED, delivery.next_at
            if not attempt.arrived:
                wait = self._schedule.after(delivery.tries + 1, asked)
                state = DeliveryState.DEAD if wait is None else DeliveryState.PENDING
                next_at = attempt.at if wait is None else self._clock() + wait
            deliveries.close(delivery, outcome.lease, attempt, state, next_at)
            webhook = webhooks.get(delivery.webhook_id)
            if webhook is not None:
                resume_at = None
                if attempt.blames_endpoint:
                    pause = self._schedule.pause(webhook.failures + 1, asked)
                    resume_at = self._clock() + pause
                webhooks.fared(webhook.webhook_id, attempt, resume_at)

    def _count(self, outcomes: tuple[_Outcome, ...]) -> None:
        for outcome in outcomes:
            attempt = outcome.sent.attempt
            if attempt.arrived:
                self.delivered += 1
                continue
            self.failed += 1
            LOG.warning(
                "webhook %s: message %d did not arrive (%s), try %d",
                outcome.delivery.webhook_id,
                outcome.delivery.message.sequence,
                attempt.error or attempt.status,
                outcome.delivery.tries + 1,
            )
