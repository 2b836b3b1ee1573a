"""The log of reads: noted at once, written in pages, each anchored in the audit trail (#102).

A request only appends a line to a list in memory; a thread writes what has gathered twice a
second, so that reading stays as fast as the store. The line is made with the request, not with
the page: a page of thousands made at once would hold the interpreter, and with it every request
that comes by just then. What is in memory is lost if the process is killed outright: at most half
a second of looks, never a change, an export or a decision, which are recorded in the transaction
of what happened. If the store does not take the log, it grows to a bound, and then reading is
refused: nobody reads unseen.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic

from features.errors import TierwiseError
from serving.audit import record
from serving.domain.access import Principal
from serving.domain.event import Happening
from serving.domain.reading import Read, digest_of, line_of, page_digest, page_of
from serving.errors import StoreError
from serving.governance.bulk import BulkWatch
from serving.governance.policy import Reading
from serving.logs import logger
from serving.store.audit_events import AuditEvents
from serving.store.reads import Reads
from serving.store.session import Database, Session

LOG = logger("tierwise.reads")
PAUSE = 0.5
"""Seconds from page to page."""
BOUND = 100_000
"""Reads that may wait in memory."""
_PAGE = 5_000
_Noted = tuple[Read, str]


class ReadLog:
    """Notes who read what, and raises the alarm about reading in bulk (#103)."""

    def __init__(
        self,
        database: Database,
        policy: Reading,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None),
    ) -> None:
        self._database = database
        self._bulk = BulkWatch(policy)
        self._clock = clock
        self._waiting: deque[_Noted] = deque()
        self._in_hand = 0
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Reads in memory that are not written yet."""
        return len(self._waiting) + self._in_hand

    def note(
        self,
        who: Principal,
        action: str,
        request_id: str,
        *,
        customer_id: str | None = None,
        customers: int = 1,
    ) -> None:
        """Note one read; cheap enough for every request.

        Raises
        ------
        StoreError
            If the log could not be written for so long that it is full.
        """
        if self.waiting >= BOUND:
            raise StoreError(
                "What is read cannot be logged, so nothing is read.", hint="Try again in a while."
            )
        read = Read(self._clock(), who.id, action, customer_id, customers, request_id)
        self._waiting.append((read, line_of(read)))

    def start(self) -> None:
        """Begin to write in the background."""
        self._thread = threading.Thread(target=self._run, name="read-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end the background thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._flush_safely()

    def flush(self) -> int:
        """Write what has gathered; return how many reads.

        Raises
        ------
        StoreError
            If the store does not take them; they stay in memory.
        """
        with self._writing:
            # Not what comes by meanwhile: under load there would be no end of small pages.
            written, due = 0, len(self._waiting)
            while count := min(_PAGE, due - written):
                self._in_hand = count
                page = [self._waiting.popleft() for _ in range(count)]
                try:
                    self._write(page)
                except BaseException:
                    self._waiting.extendleft(reversed(page))
                    self._bulk.forget()
                    raise
                finally:
                    self._in_hand = 0
                written += count
            return written

    def _run(self) -> None:
        pause = PAUSE
        while not self._stopped.wait(pause):
            begun = monotonic()
            self._flush_safely()
            # From begin to begin, so that no read waits longer for its page to be begun.
            pause = max(PAUSE / 5, PAUSE - (monotonic() - begun))

    def _flush_safely(self) -> None:
        try:
            self.flush()
        except TierwiseError as error:
            LOG.warning("reads not written yet", waiting=self.waiting, why=error.message)

    def _write(self, page: Sequence[_Noted]) -> None:
        now = self._clock()
        page_id = secrets.token_hex(16)
        lines = page_of(line for _, line in page)
        with self._database.write() as session:
            store = Reads(session)
            self._bulk.others(store)
            store.add(page_id, lines)
            anchor = {"reads": len(page), "sha256": digest_of(lines)}
            alarms = self._alarms(session, store, [read for read, _ in page], now)
            record(
                session,
                [Happening("reads.logged", f"reads:{page_id}", anchor), *alarms],
                at=now,
                actor="read-log",
            )
        for alarm in alarms:
            LOG.warning("bulk reading", **alarm.payload)

    def _alarms(
        self, session: Session, store: Reads, page: Sequence[Read], now: datetime
    ) -> list[Happening]:
        """Return an alarm for each principal who read too much, once a window."""
        since, (limit, off_hours) = self._bulk.since(now), self._bulk.limit(now)
        alarms = []
        for principal, customers in self._bulk.over(store, page, now):
            subject = f"principal:{principal}"
            about = AuditEvents(session).about(subject)
            raised = next((event.at for event in about if event.action == "reads.alarm"), None)
            if raised is not None and raised > since:
                self._bulk.alarmed(principal, raised)
                continue
            payload = {
                "principal": principal,
                "customers": customers,
                "limit": limit,
                "window_minutes": self._bulk.window_minutes,
                "off_hours": off_hours,
            }
            alarms.append(Happening("reads.alarm", subject, payload))
            self._bulk.alarmed(principal, now)
        return alarms


def unlike_their_anchor(session: Session) -> tuple[str, ...]:
    """Return the pages of the log that are not as the audit trail recorded them."""
    wrong = []
    for event in AuditEvents(session).all():
        if event.action != "reads.logged":
            continue
        page_id = event.subject.removeprefix("reads:")
        page = Reads(session).page(page_id)
        found = {"reads": len(page), "sha256": page_digest(page)}
        if found != dict(event.payload):
            wrong.append(page_id)
    return tuple(wrong)
