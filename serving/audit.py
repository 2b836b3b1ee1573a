"""Writing and verifying the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from serving.domain.event import Happening, chain, first_broken
from serving.errors import AuditError
from serving.store.audit_events import AuditEvents
from serving.store.session import Session


def record(session: Session, happenings: Iterable[Happening], *, at: datetime, actor: str) -> None:
    """Add what happened to the trail, in the transaction of what happened."""
    events = AuditEvents(session)
    events.add(chain(happenings, at=at, actor=actor, last=events.last()))


def verify(session: Session) -> int:
    """Read the whole trail and return the number of its events.

    Raises
    ------
    AuditError
        If an event was changed, removed or inserted; ``context["sequence"]`` is the first.
    """
    events = AuditEvents(session)
    broken = first_broken(events.all())
    if broken is not None:
        raise AuditError(
            f"The audit trail does not verify from event {broken} on.",
            hint="Compare with a backup; do not write to this store before.",
            sequence=broken,
        )
    last = events.last()
    return last.sequence if last else 0
