"""The nightly batch: one published frame in, one finished run out, in one transaction.

Customers are graded some at a time and wait in a file (``nightly.spool``); only when all are
graded is the store written, all of it or nothing, so that others can write to it while a long
batch grades. Until the commit the run before is served, so a batch that dies on the way changes
nothing. A frame that the current run already holds, under the same bundle, is not graded again
unless forced. Neither memory nor results depend on how many are graded at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from features.schema import Frames
from serving.alerting import AlertChanges, policy_sha256, renew_alerts
from serving.audit import record
from serving.domain.canary import CanaryPlan
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.domain.seal import Seal
from serving.domain.tenure import HeldBefore
from serving.errors import BatchError
from serving.nightly.ahead import ahead
from serving.nightly.fingerprint import frame_sha256
from serving.nightly.packing import Packed
from serving.nightly.passing import Passing, check_canary, grade_some
from serving.nightly.spool import Spool
from serving.nightly.telling import finished
from serving.nightly.tier_changes import Change, told
from serving.nightly.watching import Watch
from serving.published import Published, check_world
from serving.reviewing.queue import QueueRenewal
from serving.scoring import check_columns
from serving.sealing import sealed
from serving.sides import Tried
from serving.store.alerts import AlertStore
from serving.store.canaries import Canaries
from serving.store.grades import Grades
from serving.store.rows import EVIDENCE_COLUMNS, GRADE_COLUMNS
from serving.store.run_rows import run_values
from serving.store.session import Database, Session
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from training.bundle import Bundle

CHUNK = 1_000
"""Customers graded at a time."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch did.

    Attributes
    ----------
    created
        False when the current run already holds these grades; then nothing was written.
    opened, kept, withdrawn
        Review cases opened, still live from before, and withdrawn as no longer needed.
    alerts
        What became of the alerts; None when nothing was written.
    moved
        Customers whose tier is another one than in the run served before.
    """

    run: Run
    created: bool
    opened: int = 0
    kept: int = 0
    withdrawn: int = 0
    alerts: AlertChanges | None = None
    moved: int = 0


def run_batch(
    bundle: Bundle,
    frame: Frames,
    database: Database,
    *,
    published: Published | None = None,
    actor: str = "batch",
    progress: Progress | None = None,
    clock: Callable[[], datetime] | None = None,
    force: bool = False,
    chunk: int = CHUNK,
    canary: Tried | None = None,
) -> BatchResult:
    """Grade a frame and make it the run that is served.

    Parameters
    ----------
    frame
        In memory, or in its file (``features.parquet.FrameFile``), which takes less of it.
    published
        Where the frame comes from; None for a bare frame, known at the end of its day.
    actor
        Who is written into the audit trail.
    progress
        Called with ``(stage, done, total)``.
    clock
        Returns now, naive UTC.
    force
        Grade even what the current run already holds.
    chunk
        Customers graded at a time.
    canary
        Grades its share of the customers, who are served what it says.

    Raises
    ------
    BatchError
        If the frame is empty, of another world, or lacks columns of a bundle; if the canary does
        not fit the champion; if another batch finished, or the canary was changed, meanwhile.
    UngradableError
        If a customer has no data at all.
    """
    now = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
    tell = progress or (lambda _stage, _done, _total: None)
    if published is not None:
        check_world(bundle, published)
    check_columns(bundle, frame)
    if canary is not None:
        check_canary(bundle, canary.bundle, frame)
    sha256 = frame_sha256(frame, chunk)
    known_at = published.known_at if published else datetime.combine(frame.as_of, time.max)
    with database.read() as session:
        begun = _Begun.of(session, frame)
        begun.check_canary(canary)
        watch = Watch(AlertStore(session).uncleared().keys())
    fingerprint = _sha256(
        *(sha256, bundle.digest, frame.as_of.isoformat(), known_at.isoformat()),
        *(policy.sha256 for policy in packaged_lifecycles()),
        *policy_sha256(),
        begun.before.run_id if begun.before else "",
        *(() if canary is None else _told(canary.plan)),
    )
    if begun.current is not None and begun.current.fingerprint == fingerprint and not force:
        return BatchResult(begun.current, created=False)

    started_at = now()
    run_id = f"{started_at:%Y%m%dT%H%M%S%f}-{fingerprint[:8]}"
    with Spool[Packed](database.scratch) as rows, Spool[list[Change]](database.scratch) as moved:
        passing = Passing.begin(bundle, canary, run_id, frame.as_of, rows, moved, watch)
        parts = (part for block in frame.blocks(chunk) for part in passing.split(block))
        for some in ahead(grade_some, parts):
            tell("grade", passing.tally.customers, len(frame))
            passing.add(some, *begun.held(database, some.block.customer_id.tolist()))
        tell("grade", len(frame), len(frame))
        tell("store", 0, len(frame))
        with database.write() as session:
            begun.check(session, frame)
            finished_at = begun.behind(now())
            run = Run(
                run_id=run_id,
                basis=passing.champion.basis,
                known_at=known_at,
                started_at=started_at,
                finished_at=finished_at,
                actor=actor,
                fingerprint=fingerprint,
                frame_sha256=sha256,
                manifest_sha256=published.manifest_sha256 if published else None,
                customers=passing.tally.customers,
                referred=passing.tally.referred,
                tiers=passing.tally.summaries,
                layout=passing.champion.layout,
                previous_run_id=begun.before.run_id if begun.before else None,
                columns=passing.champion.columns,
                explainer=bundle.explainer,
                canary=passing.of_canary(),
            )
            result = _write(session, run, passing, tell)
    tell("store", run.customers, run.customers)
    return result


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a batch found when it began: the run served, and the one whose tiers are held."""

    current: Run | None
    before: Run | None
    canary: CanaryPlan | None

    @classmethod
    def of(cls, session: Session, frame: Frames, *, locked: bool = False) -> _Begun:
        store = Grades(session)
        plan = Canaries(session).standing(locked=locked)
        return cls(store.current_run(), store.run_before(frame.as_of), plan)

    def held(self, database: Database, customers: Sequence[str]) -> tuple[HeldBefore, HeldBefore]:
        """Return the tiers that some customers held, and those that are served of them."""
        with database.read() as session:
            before, served = (
                Grades(session).held_in(run.run_id if run else None, customers)
                for run in (self.before, self.current)
            )
        return before, served

    def check_canary(self, tried: Tried | None) -> None:
        """Refuse a canary that is not the one that stands.

        Raises
        ------
        BatchError
            If it is another, or of another share.
        """
        if tried is not None and tried.plan != self.canary:
            raise _changed()

    def behind(self, now: datetime) -> datetime:
        """Return when the run finishes: after the one served, though the clock was put back.

        What finished last is served, so a clock that jumps must not bring an old run back.
        """
        if self.current is None:
            return now
        return max(now, self.current.finished_at + timedelta(microseconds=1))

    def check(self, session: Session, frame: Frames) -> None:
        """Refuse to write what rests on a run that is no longer the last one.

        Raises
        ------
        BatchError
            If another batch finished, or the canary was changed, meanwhile.
        """
        found = _Begun.of(session, frame, locked=True)
        if found.canary != self.canary:
            raise _changed()
        if found != self:
            raise BatchError(
                "Another batch finished while this one graded; nothing was written.",
                hint="Run it again, if what is served now is not what you want.",
            )


def _write(session: Session, run: Run, passing: Passing, tell: Progress) -> BatchResult:
    """Write a run with all that follows from it."""
    store, seal = Grades(session), Seal()
    store.add_run(run)
    done = 0
    for grades, explanations in passing.rows:
        tell("store", done, run.customers)
        store.load(grades, explanations)
        seal.add_rows(GRADE_COLUMNS, grades, EVIDENCE_COLUMNS, explanations)
        done += len(grades)

    def told_of(happenings: Iterable[Happening]) -> None:
        record(session, happenings, at=run.finished_at, actor=run.actor)

    # Last, and in one go: whoever else writes to the trail has to wait from here on.
    alerts = renew_alerts(session, passing.watch, run.run_id, run.finished_at)
    seals = sealed(run_values(run), seal)
    told_of([finished(run, passing.tally, alerts.payload, seals)])
    queue = QueueRenewal(session, run.finished_at)
    for referred in store.referred(run):
        told_of(queue.see(referred))
    told_of(queue.finish(run.actor))
    told_of(alerts.happenings)
    for changes in passing.moved:
        told_of(told(changes, run.basis))
    return BatchResult(
        run,
        created=True,
        opened=queue.changes.opened,
        kept=queue.changes.kept,
        withdrawn=queue.changes.withdrawn,
        alerts=alerts,
        moved=sum(map(len, passing.moved)),
    )


def _changed() -> BatchError:
    return BatchError(
        "The canary was changed while this batch graded; nothing was written.",
        hint="Run it again: it grades by what stands now.",
    )


def _told(plan: CanaryPlan) -> tuple[str, ...]:
    return plan.bundle_digest, str(plan.share), plan.salt


def _sha256(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
