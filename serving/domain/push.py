"""What is pushed: webhooks, the messages in the outbox, and how each delivery stands."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from serving.domain.event import AuditEvent

VERSION = 1
"""Of the messages' data; a change that breaks a receiver makes it 2."""

EVENT_TYPES: Mapping[str, str] = {
    "run.finished": "A batch finished: all grades are new.",
    "tier.changed": "A customer moved to another tier.",
    "alert.opened": "An early warning was raised.",
    "alert.*": "Whatever happens to an early warning, people's responses included.",
    "case.opened": "A customer was referred to the experts.",
    "case.*": "Whatever happens to a review case.",
    "review.*": "Votes are counted, a decision is made.",
    "appeal.*": "An appeal is filed or decided.",
    "override.*": "Experts set a grade, or their grade expired.",
    "recovery.opened": "A customer came under observation; a recovery plan is due.",
    "recovery.*": "Whatever happens to a customer under observation.",
}
"""What can be subscribed to: one kind of event, or with ``*`` all of a family."""

FAMILIES = ("run", "tier", "alert", "case", "review", "appeal", "override", "recovery")

_COMMON = (
    *("customer_id", "run_id", "grade_id", "case_id", "alert_id", "appeal_id", "override_id"),
    "recovery_id",
)
_PUSHED: Mapping[str, tuple[str, ...]] = {
    "run": ("as_of", "customers", "referred", "tiers", "moves", "model_version", "scheme_id",
            "scheme_version"),
    "tier": ("as_of", "from", "to", "direction"),
    "alert": ("kind", "severity", "state", "responsible", "due_at", "outcome"),
    "case": ("reasons", "due_at", "status", "level", "outcome", "tier_id"),
    "review": ("level", "outcome", "tier_id", "model_tier_id", "holds_until"),
    "appeal": ("contested_tier_id", "wanted_tier_id", "tier_id", "outcome", "due_at", "in_time"),
    "override": ("tier_id", "model_tier_id", "expires_at"),
    "recovery": ("tier_id", "state", "due_at", "reason", "goal_tier_id", "goal_date", "in_time",
                 "outcome"),
}  # fmt: skip
"""Fields that leave the house, by family: ids, states and days, never what somebody wrote."""
_LONGEST = 200


class DeliveryState(StrEnum):
    """Where a message to one webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookState(StrEnum):
    """Where a webhook stands; ``failing`` ones get one message at a time until one arrives."""

    ACTIVE = "active"
    FAILING = "failing"
    PAUSED = "paused"


FAILING_AFTER = 5
"""Failures in a row that make a webhook failing."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages are sent, and which.

    Attributes
    ----------
    event_types
        Of `EVENT_TYPES`.
    generation
        Number of its secret; secrets are derived (``serving/push/keys.py``), not stored.
    previous_until
        Until when the secret before signs too; None when it does not.
    key_id
        Fingerprint of the key its secrets come from.
    failures
        Failures in a row.
    resume_at
        Nothing is sent before.
    created_at, succeeded_at, failed_at, previous_until, resume_at
        Instants, naive UTC.
    """

    webhook_id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    generation: int
    key_id: str
    paused: bool
    created_at: datetime
    created_by: str
    previous_until: datetime | None = None
    failures: int = 0
    resume_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None

    @property
    def state(self) -> WebhookState:
        """Where it stands."""
        if self.paused:
            return WebhookState.PAUSED
        return WebhookState.FAILING if self.failures >= FAILING_AFTER else WebhookState.ACTIVE

    def wants(self, action: str) -> bool:
        """Tell whether it is sent what happened."""
        return any(fnmatch.fnmatchcase(action, pattern) for pattern in self.event_types)


@dataclass(frozen=True, slots=True)
class PushMessage:
    """One thing that happened, as it is told outside.

    Attributes
    ----------
    sequence
        Of its audit event: messages have the order of the trail.
    order_key
        Messages of one key reach a webhook in their order: those about one customer.
    """

    sequence: int
    message_id: str
    action: str
    subject: str
    order_key: str
    at: datetime
    data: Mapping[str, object]

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return f"tierwise.{self.action}.v{VERSION}"

    def body(self, source: str) -> bytes:
        """Return the CloudEvents 1.0 document, structured mode; the same bytes every time."""
        document = {
            "specversion": "1.0",
            "id": self.message_id,
            "source": source,
            "type": self.type,
            "subject": self.subject,
            "time": f"{self.at.isoformat(timespec='microseconds')}Z",
            "sequence": f"{self.sequence:012d}",
            "datacontenttype": "application/json",
            "data": self.data,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver.

    Attributes
    ----------
    status
        Of the answer; None when there was none.
    error
        Why there was no answer, a code (`serving.push.sending`); None when there was one.
    answer
        How the answer began.
    """

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    answer: str

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def blames_endpoint(self) -> bool:
        """Whether any other message would have failed as well."""
        return self.status is None or self.status == 429 or self.status >= 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one message to one webhook stands.

    Attributes
    ----------
    tries
        Since it was first due, or replayed.
    """

    webhook_id: str
    message: PushMessage
    state: DeliveryState
    tries: int
    next_at: datetime
    closed_at: datetime | None
    attempts: tuple[Attempt, ...] = ()


def pushed(event: AuditEvent) -> PushMessage | None:
    """Return what is told outside of an event; None when nothing is.

    Who did it stays inside, and so does every free text.
    """
    family, _, verb = event.action.partition(".")
    if family not in _PUSHED or not verb:
        return None
    kind, _, subject_id = event.subject.partition(":")
    told: dict[str, object] = {f"{kind}_id": subject_id}
    for name in (*_COMMON, *_PUSHED[family]):
        if name in event.payload and _short(event.payload[name]):
            told[name] = event.payload[name]
    customer = event.payload.get("customer_id")
    if customer is None and kind == "customer":
        customer = subject_id
    return PushMessage(
        sequence=event.sequence,
        message_id=f"msg_{event.hash[:32]}",
        action=event.action,
        subject=event.subject,
        order_key=f"{kind}" if customer is None else f"customer:{customer}",
        at=event.at,
        data=told,
    )


def _short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    if isinstance(value, Sequence):
        return all(isinstance(each, str) and len(each) <= _LONGEST for each in value)
    if isinstance(value, Mapping):
        return all(isinstance(each, int | float) for each in value.values())
    return value is None or isinstance(value, int | float)
