"""Webhooks and their deliveries as they go over the wire."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from serving.api import webhook_examples
from serving.api.parts import Instant, Out
from serving.domain.push import EVENT_TYPES, DeliveryState, WebhookState
from serving.push.addresses import LONGEST_URL

Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_URL)]
EventType = Annotated[str, Field(max_length=60, json_schema_extra={"examples": list(EVENT_TYPES)})]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=40)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Moment = Annotated[
    AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC).replace(tzinfo=None))
]


class Webhook(Out):
    """Where messages are sent, which, and how it fares.

    A ``failing`` webhook (five failures in a row) is tried with one message at a time until
    one arrives; the others wait and lose none of their tries.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [webhook_examples.WEBHOOK]})

    webhook_id: str
    url: str
    description: str
    event_types: list[str]
    state: WebhookState
    paused: bool
    created_at: Instant
    created_by: str
    old_secret_until: Instant | None = Field(
        description="Until when messages are signed with the secret before, too."
    )
    failures: int
    resume_at: Instant | None
    succeeded_at: Instant | None
    failed_at: Instant | None
    pending: int
    delivered: int
    dead: int


class WebhookSecret(Out):
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: str | None = Field(
        description="`whsec_` and the base64 of the key (Standard Webhooks); null where a write "
        "with the same Idempotency-Key is answered again."
    )


class WebhookList(Out):
    """A page of webhooks."""

    items: list[Webhook]
    total: int
    cursor: str | None
    next: str | None


class NewWebhook(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [webhook_examples.NEW_WEBHOOK]}
    )

    url: Url = Field(description="https; http only to this machine, in development.")
    event_types: EventTypes
    description: Description = ""
    paused: bool = False


class WebhookChange(BaseModel):
    """What is to be different; what is left out, or null, stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"paused": True}]})

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Description | None = None
    paused: bool | None = None


class Rotation(BaseModel):
    """How long the old secret signs beside the new one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"overlap_hours": 24}]}
    )

    overlap_hours: float = Field(default=24.0, ge=0, le=168)


class Attempt(Out):
    """One try; without an answer ``status`` is null and ``error`` says why."""

    number: int
    at: Instant
    milliseconds: int
    status: int | None
    error: str | None
    answer: str


class Delivery(Out):
    """Where one message stands; ``event`` is what is sent (CloudEvents 1.0)."""

    model_config = ConfigDict(json_schema_extra={"examples": [webhook_examples.DELIVERY]})

    sequence: int = Field(description="Of the audit event; messages have the order of the trail.")
    message_id: str
    type: str
    subject: str
    happened_at: Instant
    state: DeliveryState
    tries: int
    next_at: Instant | None
    closed_at: Instant | None
    event: dict[str, object]
    attempts: list[Attempt]


class DeliveryList(Out):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    total: int
    cursor: str | None
    next: str | None


class Replay(BaseModel):
    """What is to be sent again: dead messages, or everything, that happened in a range."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"what": "everything", "since": "2024-07-01T00:00:00Z"}]},
    )

    what: Literal["dead", "everything"] = "dead"
    since: Moment | None = None
    until: Moment | None = Field(default=None, description="Before this instant.")


class Replayed(Out):
    """How many messages will be sent again."""

    messages: int
