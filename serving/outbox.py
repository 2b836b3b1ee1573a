"""The outbox: what is to be pushed is written in the transaction of what happened.

Nothing is pushed that did not happen, and nothing that happened is forgotten: both are one
commit. Sending is a matter of its own (``serving/push/delivering.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from serving.domain.event import AuditEvent
from serving.domain.push import FAMILIES, PushMessage, pushed
from serving.store.deliveries import Deliveries
from serving.store.session import Session
from serving.store.webhooks import Webhooks


def post(session: Session, events: Iterable[AuditEvent]) -> None:
    """Put events into the outbox, one message for each webhook that wants to know.

    What nobody wants to know is not kept. Paused webhooks get theirs when they go on.
    """
    told = [event for event in events if event.action.partition(".")[0] in FAMILIES]
    webhooks = Webhooks(session).all() if told else ()
    if not webhooks:
        return
    messages: list[PushMessage] = []
    wanted: dict[str, list[PushMessage]] = {webhook.webhook_id: [] for webhook in webhooks}
    for event in told:
        takers = [webhook for webhook in webhooks if webhook.wants(event.action)]
        message = pushed(event) if takers else None
        if message is None:
            continue
        messages.append(message)
        for webhook in takers:
            wanted[webhook.webhook_id].append(message)
    to: dict[str, Sequence[PushMessage]] = {**wanted}
    Deliveries(session).add(messages, to)
