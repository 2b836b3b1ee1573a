"""From webhooks and deliveries to what goes over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from serving.api import webhook_schemas as schemas
from serving.domain.push import Attempt, Delivery, DeliveryState, Webhook


def webhook(kept: Webhook, queue: Mapping[DeliveryState, int], now: datetime) -> schemas.Webhook:
    """Present a webhook with what waits for it; never with a secret."""
    until = kept.previous_until
    return schemas.Webhook(
        webhook_id=kept.webhook_id,
        url=kept.url,
        description=kept.description,
        event_types=list(kept.event_types),
        state=kept.state,
        paused=kept.paused,
        created_at=kept.created_at,
        created_by=kept.created_by,
        old_secret_until=until if until is not None and now < until else None,
        failures=kept.failures,
        resume_at=kept.resume_at,
        succeeded_at=kept.succeeded_at,
        failed_at=kept.failed_at,
        pending=queue[DeliveryState.PENDING],
        delivered=queue[DeliveryState.DELIVERED],
        dead=queue[DeliveryState.DEAD],
    )


def delivery(kept: Delivery, source: str) -> schemas.Delivery:
    """Present a delivery with its attempts."""
    message = kept.message
    return schemas.Delivery(
        sequence=message.sequence,
        message_id=message.message_id,
        type=message.type,
        subject=message.subject,
        happened_at=message.at,
        state=kept.state,
        tries=kept.tries,
        next_at=kept.next_at if kept.state is DeliveryState.PENDING else None,
        closed_at=kept.closed_at,
        event=json.loads(message.body(source)),
        attempts=[attempt(each) for each in kept.attempts],
    )


def attempt(kept: Attempt) -> schemas.Attempt:
    """Present one try."""
    return schemas.Attempt(**asdict(kept))
