"""What people do about webhooks: each step with its audit event, or none of it.

The audit trail has the host of a URL, not the whole: many receivers are known by a secret path.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from serving.audit import record
from serving.domain.event import Happening
from serving.domain.push import (
    EVENT_TYPES,
    FAMILIES,
    Attempt,
    DeliveryState,
    PushMessage,
    Webhook,
)
from serving.errors import AbsentError, InvalidRequestError, RequestFault
from serving.push.addresses import AddressRefusedError
from serving.push.installation import rules_of, source_of
from serving.push.keys import PushKey
from serving.push.sending import Sender
from serving.settings import Settings
from serving.store.deliveries import Deliveries
from serving.store.session import Database, Session
from serving.store.webhooks import Webhooks

MOST = 50
"""Webhooks of an installation: every message is looked at for each."""
_EVENT_TYPE = re.compile(rf"({'|'.join(FAMILIES)})\.(\*|[a-z]+(_[a-z]+)*)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a webhook to be; None leaves it as it is."""

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    description: str | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Webhooks of an installation, and who changes them when (naive UTC)."""

    database: Database
    settings: Settings
    actor: str
    now: datetime

    def create(self, wish: Wish, key: PushKey) -> tuple[Webhook, str]:
        """Make a webhook; return it with its secret, which is never shown again.

        Raises
        ------
        InvalidRequestError
            If its URL or its event types are wrong, or there are too many webhooks.
        """
        self._check(wish)
        webhook = Webhook(
            webhook_id=f"wh_{secrets.token_hex(12)}",
            url=wish.url or "",
            description=wish.description or "",
            event_types=wish.event_types or (),
            generation=1,
            key_id=key.id,
            paused=bool(wish.paused),
            created_at=self.now,
            created_by=self.actor,
        )
        with self.database.write() as session:
            if Webhooks(session).count() >= MOST:
                raise InvalidRequestError(
                    f"There are {MOST} webhooks; there cannot be more.",
                    hint="Remove those that nobody needs.",
                )
            Webhooks(session).add(webhook)
            self._record(session, "webhook.created", webhook)
        return webhook, key.secret(webhook.webhook_id, webhook.generation)

    def change(self, webhook_id: str, wish: Wish) -> Webhook:
        """Change a webhook; one that goes on or moves is tried at once.

        Raises
        ------
        AbsentError
            If there is none.
        InvalidRequestError
            If its URL or its event types are wrong.
        """
        self._check(wish)
        given = {name: value for name, value in asdict(wish).items() if value is not None}

        def changed(session: Session, webhook: Webhook) -> Webhook:
            if wish.url is not None or wish.paused is False:
                Webhooks(session).reset(webhook_id)
            return replace(webhook, **given)

        return self._step(webhook_id, "webhook.changed", changed, changed=sorted(given))

    def rotate(self, webhook_id: str, key: PushKey, overlap: timedelta) -> tuple[Webhook, str]:
        """Give a webhook a new secret; the old one signs too until the overlap is over.

        Raises
        ------
        AbsentError
            If there is none.
        """

        def rotated(_session: Session, webhook: Webhook) -> Webhook:
            # Of another key, the old secret cannot be derived any more.
            known = webhook.key_id == key.id and overlap > timedelta()
            return replace(
                webhook,
                generation=webhook.generation + 1,
                key_id=key.id,
                previous_until=self.now + overlap if known else None,
            )

        webhook = self._step(webhook_id, "webhook.rotated", rotated)
        return webhook, key.secret(webhook_id, webhook.generation)

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook with all that was to be sent to it.

        Raises
        ------
        AbsentError
            If there is none.
        """
        with self.database.write() as session:
            webhook = found(session, webhook_id)
            Webhooks(session).remove(webhook_id)
            self._record(session, "webhook.removed", webhook)

    def replay(
        self,
        webhook_id: str,
        states: Iterable[DeliveryState],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Send again what was closed, by the time it happened; return how many.

        Raises
        ------
        AbsentError
            If there is none.
        """
        with self.database.write() as session:
            webhook = found(session, webhook_id)
            count = Deliveries(session).replay(
                webhook_id, self.now, states=states, since=since, until=until
            )
            Webhooks(session).reset(webhook_id)
            self._record(session, "webhook.replayed", webhook, messages=count)
        return count

    async def test(self, webhook: Webhook, key: PushKey) -> Attempt:
        """Send a test message now, past the queue; tell how it went."""
        message = PushMessage(
            sequence=0,
            message_id=f"msg_test_{secrets.token_hex(12)}",
            action="webhook.test",
            subject=f"webhook:{webhook.webhook_id}",
            order_key="webhook",
            at=self.now,
            data={"webhook_id": webhook.webhook_id},
        )
        sender = Sender(rules_of(self.settings), self.settings.push.timeout)
        body = message.body(source_of(self.settings))
        valid = key.valid_secrets(webhook, self.now)
        try:
            sent = await sender.send(webhook.url, message.message_id, body, valid)
        finally:
            await sender.close()
        return replace(sent.attempt, number=1)

    def _step(
        self,
        webhook_id: str,
        action: str,
        step: Callable[[Session, Webhook], Webhook],
        **payload: object,
    ) -> Webhook:
        with self.database.write() as session:
            Webhooks(session).change(step(session, found(session, webhook_id)))
            after = found(session, webhook_id)
            self._record(session, action, after, **payload)
            return after

    def _record(self, session: Session, action: str, webhook: Webhook, **payload: object) -> None:
        told: dict[str, object] = {
            "host": urlsplit(webhook.url).hostname,
            "event_types": list(webhook.event_types),
            "paused": webhook.paused,
            "generation": webhook.generation,
            **payload,
        }
        happening = Happening(action, f"webhook:{webhook.webhook_id}", told)
        record(session, [happening], at=self.now, actor=self.actor)

    def _check(self, wish: Wish) -> None:
        faults = []
        if wish.url is not None:
            try:
                rules_of(self.settings).target(wish.url)
            except AddressRefusedError as error:
                faults.append(RequestFault(str(error), "#/url"))
        for place, name in enumerate(wish.event_types or ()):
            if not _EVENT_TYPE.fullmatch(name):
                known = ", ".join(EVENT_TYPES)
                faults.append(RequestFault(f"One of: {known}.", f"#/event_types/{place}"))
        if faults:
            raise InvalidRequestError("The webhook cannot be like this.", faults)


def found(session: Session, webhook_id: str) -> Webhook:
    """Return a webhook.

    Raises
    ------
    AbsentError
        If there is none.
    """
    webhook = Webhooks(session).get(webhook_id)
    if webhook is None:
        raise AbsentError(
            f"There is no webhook {webhook_id!r}.",
            hint="Take the webhook_id from /v1/webhooks.",
            webhook_id=webhook_id,
        )
    return webhook
