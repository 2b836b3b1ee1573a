"""The audit trail and its proofs as they go over the wire."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from serving.api.parts import Out

_HASH = "3f" * 32


class AuditEvent(Out):
    """Who did what, to what, when; chained by `hash`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sequence": 7,
                    "at": "2024-07-01T02:00:00.000123",
                    "actor": "person:li.wei",
                    "action": "alert.acknowledged",
                    "subject": "alert:0002052a01187a4fe9f90bbed16db6c8",
                    "payload": {"customer_id": "1001"},
                    "previous_hash": "0" * 64,
                    "hash": _HASH,
                }
            ]
        }
    )

    sequence: int
    at: str = Field(description="Instant, UTC, written as it is hashed.")
    actor: str
    action: str
    subject: str
    payload: dict[str, Any]
    previous_hash: str
    hash: str


class AuditPage(Out):
    """A page of events, newest first."""

    items: list[AuditEvent]
    cursor: str | None
    next: str | None


class AuditHead(Out):
    """What to keep elsewhere: the size of the trail and the root of its tree (RFC 9162)."""

    size: int
    root: str


class AuditProof(Out):
    """Evidence that an event stands in a trail; `tierwise audit check` needs nothing more."""

    event: AuditEvent
    head: AuditHead
    path: list[str] = Field(description="Hashes from the event up to the root.")


class AuditConsistency(Out):
    """Evidence that a later trail begins with an earlier one, unchanged."""

    before: AuditHead
    after: AuditHead
    path: list[str]
