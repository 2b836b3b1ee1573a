"""Writing, verifying and proving the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from serving.domain.event import AuditEvent, Happening, chain, event_hash, first_broken
from serving.domain.merkle import Head, MerkleTree, proves_consistency, proves_inclusion
from serving.errors import AuditError
from serving.outbox import post
from serving.store.audit_events import AuditEvents
from serving.store.session import Session

_RESTORE = "Compare with a backup; do not write to this store before."


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence that one event stands in a trail, which needs no store to be checked.

    Attributes
    ----------
    event
        The event with all its fields.
    head
        Size and root of the trail it stands in.
    path
        Hashes (hex) from the event up to the root; about ``log2(head.size)``.
    """

    event: AuditEvent
    head: Head
    path: tuple[str, ...]

    def holds(self, kept: Head | None = None) -> bool:
        """Tell whether the event is unchanged and stands in the trail of that head.

        Parameters
        ----------
        kept
            A head from a source other than the proof, to be trusted; by default the proof's.
        """
        fields = asdict(self.event)
        digest = fields.pop("hash")
        head = kept or self.head
        return event_hash(**fields) == digest and proves_inclusion(
            head, self.event.sequence - 1, digest, self.path
        )


def record(session: Session, happenings: Iterable[Happening], *, at: datetime, actor: str) -> None:
    """Add what happened to the trail and to the outbox, in the transaction of what happened."""
    events = AuditEvents(session)
    linked = chain(happenings, at=at, actor=actor, last=events.last())
    events.add(linked)
    post(session, linked)


def verify(session: Session, kept: Head | None = None) -> Head:
    """Read the whole trail and return its head: its size and the root of its tree.

    The chain finds what was changed, removed, moved or inserted. Only a head that was kept
    elsewhere finds a trail whose newest events were cut off, or that was written anew as a
    whole.

    Parameters
    ----------
    kept
        An earlier head of this trail.

    Raises
    ------
    AuditError
        If an event was changed, removed or inserted (``context["sequence"]`` is the first), or
        the trail does not begin with that of the head.
    """
    events = AuditEvents(session)
    broken = first_broken(events.all())
    if broken is not None:
        raise AuditError(
            f"The audit trail does not verify from event {broken} on.",
            hint=_RESTORE,
            sequence=broken,
        )
    tree = MerkleTree(events.hashes())
    if kept is not None and not _begins_with(tree, kept):
        raise AuditError(
            f"The trail of {len(tree)} events does not begin with the {kept.size} of the head "
            "that was kept: events were cut off, or the trail was written anew.",
            hint=_RESTORE,
            size=len(tree),
            kept=kept.size,
        )
    return tree.head


def prove(session: Session, sequence: int) -> Proof:
    """Return the proof that an event stands in the trail.

    Raises
    ------
    AuditError
        If there is no such event.
    """
    events = AuditEvents(session)
    event = events.one(sequence)
    if event is None:
        raise AuditError(
            f"The audit trail has no event {sequence}.",
            hint="Events are numbered from 1 without gaps.",
            sequence=sequence,
        )
    tree = MerkleTree(events.hashes())
    return Proof(event, tree.head, tree.inclusion(sequence - 1))


def _begins_with(tree: MerkleTree, kept: Head) -> bool:
    if kept.size == 0:
        return True
    return kept.size <= len(tree) and proves_consistency(
        kept, tree.head, tree.consistency(kept.size)
    )
