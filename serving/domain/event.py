"""An audit event and the chain that makes the trail tamper-evident."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64
"""The ``previous_hash`` of the first event."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what, to what, when. Events are only ever added.

    Attributes
    ----------
    sequence
        1, 2, 3 ... without gaps.
    at
        Instant, naive UTC.
    actor
        A person or a program.
    action
        ``noun.verb`` in the past: ``run.finished``, ``case.opened``, ``case.withdrawn``.
    subject
        ``kind:id`` of what was acted on.
    payload
        JSON-serialisable particulars.
    previous_hash, hash
        SHA-256 (hex) chain over all the fields above.
    """

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    payload: Mapping[str, object]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be recorded, before it has a place in the chain."""

    action: str
    subject: str
    payload: Mapping[str, object]


def event_hash(
    sequence: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    payload: Mapping[str, object],
    previous_hash: str,
) -> str:
    """Return the SHA-256 (hex) that an event with these fields must carry."""
    content = [sequence, at.isoformat(), actor, action, subject, dict(payload), previous_hash]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def chain(
    happenings: Iterable[Happening], *, at: datetime, actor: str, last: AuditEvent | None
) -> list[AuditEvent]:
    """Link happenings behind the last event of the trail (None: the trail is empty)."""
    sequence = last.sequence if last else 0
    previous = last.hash if last else GENESIS
    events = []
    for happening in happenings:
        sequence += 1
        fields = (sequence, at, actor, happening.action, happening.subject, happening.payload)
        digest = event_hash(*fields, previous)
        events.append(AuditEvent(*fields, previous_hash=previous, hash=digest))
        previous = digest
    return events


def first_broken(events: Iterable[AuditEvent]) -> int | None:
    """Return the sequence number at which a trail read from its start breaks, or None.

    A changed, removed or inserted event breaks the chain; cutting off the newest events
    does not (that takes a copy of the last hash kept elsewhere).
    """
    expected_sequence, expected_previous = 1, GENESIS
    for event in events:
        digest = event_hash(
            event.sequence,
            event.at,
            event.actor,
            event.action,
            event.subject,
            event.payload,
            event.previous_hash,
        )
        linked = event.previous_hash == expected_previous and event.sequence == expected_sequence
        if not linked or digest != event.hash:
            return event.sequence
        expected_sequence, expected_previous = event.sequence + 1, event.hash
    return None
