"""The log of reads: noted at once, written in pages, each anchored in the audit trail (#102).

A request only adds to a page in memory (`serving/governance/gathering.py`); a thread writes what
has gathered twice a second, so that reading stays as fast as the store. The line and the count of
a read are made with its request: what the thread does in the interpreter takes about as long for
one read as for thousands. What is in memory is lost if the process is killed outright: at most half
a second of looks, never a change, an export or a decision, which are recorded in the transaction
of what happened. If the store does not take the log, it grows to a bound, and then reading is
refused: nobody reads unseen.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import monotonic

from features.errors import TierwiseError
from serving.audit import record
from serving.domain.access import Principal
from serving.domain.event import Happening
from serving.domain.reading import Read, digest_of
from serving.errors import StoreError
from serving.governance.anchors import LOGGED, anchor_of
from serving.governance.bulk import BulkWatch, Seen
from serving.governance.gathering import Gathering, Page
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
        self._gathered = Gathering(BOUND)
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Reads in memory that are not written yet."""
        return self._gathered.waiting

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
        read = Read(self._clock(), who.id, action, customer_id, customers, request_id)
        if not self._gathered.add(read):
            raise StoreError(
                "What is read cannot be logged, so nothing is read.", hint="Try again in a while."
            )

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
            pages, done = self._gathered.take(), 0
            try:
                for page in pages:
                    self._write(page)
                    self._gathered.written(page)
                    done += 1
            except BaseException:
                self._bulk.forget()
                raise
            finally:
                self._gathered.give_back(pages[done:])
            return sum(len(page.lines) for page in pages)

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

    def _write(self, page: Page) -> None:
        now = self._clock()
        page_id = secrets.token_hex(16)
        lines = page.text()
        with self._database.write() as session:
            store = Reads(session)
            self._bulk.others(store)
            store.add(page_id, lines)
            anchor = {"reads": len(page.lines), "sha256": digest_of(lines)}
            alarms = self._alarms(session, store, page.seen, now)
            record(
                session,
                [Happening(LOGGED, anchor_of(page_id), anchor), *alarms],
                at=now,
                actor="read-log",
            )
        for alarm in alarms:
            LOG.warning("bulk reading", **alarm.payload)

    def _alarms(
        self, session: Session, store: Reads, page: Mapping[str, Seen], now: datetime
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
