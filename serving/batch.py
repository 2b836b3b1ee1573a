"""The nightly batch: one published frame in, one finished run out.

Customers are graded some at a time and wait in a file (``nightly.merging``); only when all are
graded is the store written, in short transactions, so that others can write to it meanwhile. Until
the last of them the run before is served, so a batch that dies on the way changes nothing; what
follows from the run is told from then on (``serving.following``). A frame that the current run
holds, under the same bundle, is graded again only if forced. Results do not depend on ``CHUNK``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from features.schema import Frames
from serving.alerting import AlertChanges, policy_sha256, renew_alerts
from serving.audit import record
from serving.domain.canary import CanaryPlan
from serving.domain.grade import Run
from serving.domain.tenure import HeldBefore
from serving.errors import BatchError, ServiceError
from serving.following import Following, alone, catch_up
from serving.nightly.ahead import ahead
from serving.nightly.fingerprint import frame_sha256, texts_sha256
from serving.nightly.landing import Landing, discard_dead
from serving.nightly.merging import PLACES_RUN, InOrder, best_first, by_customer
from serving.nightly.pace import PIECE, Pace
from serving.nightly.passing import Passing, check_canary, grade_some
from serving.nightly.telling import finished
from serving.nightly.watching import Watch
from serving.published import Published, check_world
from serving.scoring import check_columns
from serving.sealing import sealed
from serving.sides import Tried
from serving.store.alerts import AlertStore
from serving.store.canaries import Canaries
from serving.store.grades import Grades
from serving.store.run_rows import run_values
from serving.store.session import Database, Session
from serving.store.steps import RunSteps
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from tiering.panel.policy import PanelPolicy
from tiering.panel.policy_file import packaged_panel
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
    piece: int = PIECE,
    canary: Tried | None = None,
    panel: PanelPolicy | None = None,
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
    piece
        Customers written in the first transaction; the next ones are larger or smaller by how
        long it took.
    canary
        Grades its share of the customers, who are served what it says.
    panel
        Opens review cases and knows the working days of all deadlines; or the packaged one does.

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
    panel = panel or packaged_panel()
    catch_up(database, panel)
    with database.read() as session:
        begun = _Begun.of(session, frame)
        begun.check_canary(canary)
        watch = Watch(AlertStore(session).uncleared().keys())
    plan = None if canary is None else canary.plan
    fingerprint = texts_sha256(
        *(sha256, bundle.digest, frame.as_of.isoformat(), known_at.isoformat()),
        *(policy.sha256 for policy in packaged_lifecycles()),
        *policy_sha256(),
        begun.before.run_id if begun.before else "",
        *(() if plan is None else (plan.bundle_digest, str(plan.share), plan.salt)),
    )
    if begun.current is not None and begun.current.fingerprint == fingerprint and not force:
        return BatchResult(begun.current, created=False)

    started_at = now()
    run_id = f"{started_at:%Y%m%dT%H%M%S%f}-{fingerprint[:8]}"
    with InOrder(by_customer, database.scratch) as rows:
        passing = Passing.begin(bundle, canary, run_id, frame.as_of, rows, watch)
        parts = (part for block in frame.blocks(chunk) for part in passing.split(block))
        for some in ahead(grade_some, parts):
            tell("grade", passing.tally.customers, len(frame))
            passing.add(some, begun.held(database, some.block.customer_id.tolist()))
        tell("grade", len(frame), len(frame))
        run = Run(
            run_id=run_id,
            basis=passing.champion.basis,
            known_at=known_at,
            started_at=started_at,
            finished_at=started_at,  # so far
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
        tell("store", 0, len(frame))
        with alone(database, panel):
            return _write(database, run, passing, begun, frame, tell, now, Pace(piece), panel)


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

    def held(self, database: Database, customers: Sequence[str]) -> HeldBefore:
        """Return the tiers that some customers held."""
        with database.read() as session:
            return Grades(session).held_in(self.before.run_id if self.before else None, customers)

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


def _write(
    database: Database,
    run: Run,
    passing: Passing,
    begun: _Begun,
    frame: Frames,
    tell: Progress,
    now: Callable[[], datetime],
    pace: Pace,
    panel: PanelPolicy,
) -> BatchResult:
    """Write a run, let it be served, and tell what follows from it."""
    try:
        with InOrder(best_first, database.scratch, PLACES_RUN) as places:
            landing = Landing(run.run_id, passing.rows, places, pace)
            landing.before_the_last(database, run, lambda done: tell("store", done, run.customers))
        head = landing.seal.head
        with database.write() as session:
            begun.check(session, frame)
            run = replace(run, finished_at=begun.behind(now()))
            if landing.begun:
                RunSteps(session).serve(run.run_id, run.finished_at)
            else:
                Grades(session).add_run(run)
            landing.rest.load(session)
            alerts = renew_alerts(session, passing.watch, run, panel.days_off.days)
            seals = sealed(run_values(run), head)
            happened = (finished(run, passing.tally, alerts.payload, seals), *alerts.happenings)
            record(session, happened, at=run.finished_at, actor=run.actor)
            following = Following(run, begun.current, pace, panel)
            done = following.some(session)
    except BaseException:
        # What it wrote so far nobody saw. If this cannot be done now, the next batch does it.
        with suppress(ServiceError):
            discard_dead(database)
        raise
    tell("store", run.customers, run.customers)
    counts = following.to_the_end(
        database, done, lambda so_far: tell("follow", so_far, run.customers)
    )
    return BatchResult(
        run,
        created=True,
        opened=counts.opened,
        kept=counts.kept,
        withdrawn=counts.withdrawn,
        alerts=alerts,
        moved=counts.moved,
    )


def _changed() -> BatchError:
    return BatchError(
        "The canary was changed while this batch graded; nothing was written.",
        hint="Run it again: it grades by what stands now.",
    )
