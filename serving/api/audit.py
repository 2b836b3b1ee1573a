"""``/v1/audit``: what happened, and proofs that need no trust in this service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from serving.admission import known_query
from serving.api import audit_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import AuditEventsDep, ServiceDep
from serving.domain import event as domain
from serving.domain.access import Permission
from serving.domain.merkle import Head
from serving.errors import AbsentError, InvalidRequestError, RequestFault
from serving.guard import needs
from serving.store.audit_events import AuditEvents

router = APIRouter(
    prefix="/v1/audit",
    tags=["audit"],
    dependencies=[Depends(known_query), needs(Permission.AUDIT_READ)],
)

Sequence = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the event, from 1.")]
Size = Annotated[
    int | None,
    Query(ge=0, le=2**31 - 1, description="Of a head that was kept; the present one by default."),
]
Exactly = Annotated[str | None, Query(description="Exactly this one.", max_length=300)]
Moment = Annotated[datetime | None, Query(description="Instant, UTC unless it says.")]


@router.get("/events", responses=declared(422, 503))
def list_audit_events(
    events: AuditEventsDep,
    parts: ServiceDep,
    subject: Exactly = None,
    action: Exactly = None,
    actor: Exactly = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.AuditPage:
    """List what happened, newest first."""
    found, following = events.page(
        subject=subject,
        action=action,
        actor=actor,
        since=_naive(since),
        until=_naive(until),
        limit=limit or parts.settings.page_size,
        cursor=cursor,
    )
    query = {
        "subject": subject,
        "action": action,
        "actor": actor,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
        "limit": limit,
        "cursor": following,
    }
    return schemas.AuditPage(
        items=[_event(each) for each in found],
        cursor=following,
        next=next_address("/v1/audit/events", query),
    )


@router.get("/events/{sequence}", responses=declared(404, 422, 503))
def read_audit_event(sequence: Sequence, events: AuditEventsDep) -> schemas.AuditEvent:
    """Read one event."""
    return _event(_one(events, sequence))


@router.get("/events/{sequence}/proof", responses=declared(404, 422, 503))
def prove_audit_event(
    sequence: Sequence, events: AuditEventsDep, parts: ServiceDep, size: Size = None
) -> schemas.AuditProof:
    """Prove that an event stands in the trail of a head."""
    event = _one(events, sequence)
    tree = parts.trail.at(events)
    with _size_faults("size"):
        path = tree.inclusion(sequence - 1, size)
        return schemas.AuditProof(event=_event(event), head=_head(tree.head(size)), path=list(path))


@router.get("/head", responses=declared(422, 503))
def read_audit_head(
    events: AuditEventsDep, parts: ServiceDep, size: Size = None
) -> schemas.AuditHead:
    """Read the head to keep elsewhere, now or as it was at a size."""
    with _size_faults("size"):
        return _head(parts.trail.at(events).head(size))


@router.get("/consistency", responses=declared(422, 503))
def prove_audit_consistency(
    events: AuditEventsDep,
    parts: ServiceDep,
    first: Annotated[int, Query(ge=1, le=2**31 - 1, description="Size of the earlier head.")],
    second: Size = None,
) -> schemas.AuditConsistency:
    """Prove that the trail of a later head begins with that of an earlier one."""
    tree = parts.trail.at(events)
    with _size_faults("first"):
        path = tree.consistency(first, second)
        return schemas.AuditConsistency(
            before=_head(tree.head(first)), after=_head(tree.head(second)), path=list(path)
        )


@contextmanager
def _size_faults(parameter: str) -> Iterator[None]:
    try:
        yield
    except IndexError as error:
        raise InvalidRequestError(
            "The trail has no such head.", [RequestFault(str(error), parameter=parameter)]
        ) from error


def _one(events: AuditEvents, sequence: int) -> domain.AuditEvent:
    event = events.one(sequence)
    if event is None:
        raise AbsentError(
            f"The audit trail has no event {sequence}.",
            hint="Events are numbered from 1 without gaps.",
        )
    return event


def _event(event: domain.AuditEvent) -> schemas.AuditEvent:
    return schemas.AuditEvent(
        sequence=event.sequence,
        at=event.at.isoformat(),
        actor=event.actor,
        action=event.action,
        subject=event.subject,
        payload=dict(event.payload),
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


def _head(head: Head) -> schemas.AuditHead:
    return schemas.AuditHead(size=head.size, root=head.root)


def _naive(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
