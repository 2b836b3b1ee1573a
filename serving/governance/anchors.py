"""The log of reads held against the audit trail, which tells of every page how it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from serving.domain.event import AuditEvent
from serving.domain.reading import page_digest
from serving.errors import AuditError
from serving.store.audit_events import AuditEvents
from serving.store.reads import Reads

if TYPE_CHECKING:
    from serving.store.session import Session

LOGGED = "reads.logged"
"""Action of the event that anchors a page; its subject is ``reads:`` and the page's id."""
_PREFIX = "reads:"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Logged:
    """How many looks stand in how many pages that are as they were written."""

    reads: int
    pages: int


def anchor_of(page_id: str) -> str:
    """Return the subject of the event that anchors a page."""
    return _PREFIX + page_id


def verify_reads(session: Session, progress: Callable[[int, int], None] | None = None) -> Logged:
    """Compare every page of the log of reads with its anchor.

    The trail itself must have been verified (:func:`serving.audit.verify`).

    Parameters
    ----------
    progress
        Told pages done and pages in all.

    Raises
    ------
    AuditError
        If a look was changed, added or taken away past the service; ``context["wrong"]`` says
        of every page what.
    """
    tell = progress or (lambda _done, _total: None)
    store, trail = Reads(session), AuditEvents(session)
    total = trail.count(LOGGED)
    wrong = [f"page {page_id}: not in the trail" for page_id in store.without(LOGGED, _PREFIX)]
    reads = pages = 0
    tell(0, total)
    for anchors in _some(trail.of_action(LOGGED)):
        found = store.pages([each.subject.removeprefix(_PREFIX) for each in anchors])
        for anchor in anchors:
            page_id = anchor.subject.removeprefix(_PREFIX)
            page = found.get(page_id, ())
            reads, pages = reads + len(page), pages + 1
            told = {"reads": len(page), "sha256": page_digest(page)}
            if told != dict(anchor.payload):
                wrong.append(f"page {page_id}: {'changed' if page else 'gone'}")
        tell(pages, total)
    if wrong:
        raise AuditError(
            f"The log of reads is not as it was written: {'; '.join(wrong[:3])}.",
            hint="It was changed past the service. Compare with a backup who looked at whom.",
            wrong=wrong,
        )
    return Logged(reads, pages)


def _some(events: Iterator[AuditEvent]) -> Iterator[Sequence[AuditEvent]]:
    while some := tuple(islice(events, _AT_ONCE)):
        yield some
