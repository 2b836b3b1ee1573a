"""The nightly batch: one published frame in, one finished run out, in one transaction.

Grading happens in memory; only then is the store written, all of it or nothing. Until the
commit the run before is served, so a batch that dies on the way changes nothing. A frame
that the current run already holds, under the same bundle, is not graded again unless forced.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import numpy as np

from features.schema import FloatArray, IndicatorFrame
from serving.alerting import AlertChanges, policy_sha256, renew_alerts, watch
from serving.audit import record
from serving.domain.event import Happening
from serving.domain.evidence import Evidence
from serving.domain.grade import Basis, Grade, Run, TierSummary
from serving.domain.labels import TierLabel
from serving.domain.tenure import HeldBefore
from serving.explain import Explanations, concatenate
from serving.holding import hold
from serving.published import Published, check_world
from serving.reviewing.queue import QueueRenewal
from serving.scoring import aligned, basis_of, grade
from serving.store.grades import Grades
from serving.store.session import Database
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from training.bundle import Bundle

CHUNK = 1_000
"""Customers graded between two signs of progress."""

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
    """

    run: Run
    created: bool
    opened: int = 0
    kept: int = 0
    withdrawn: int = 0
    alerts: AlertChanges | None = None


def run_batch(
    bundle: Bundle,
    frame: IndicatorFrame,
    database: Database,
    *,
    published: Published | None = None,
    actor: str = "batch",
    progress: Progress | None = None,
    clock: Callable[[], datetime] | None = None,
    force: bool = False,
) -> BatchResult:
    """Grade a frame and make it the run that is served.

    Parameters
    ----------
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

    Raises
    ------
    BatchError
        If the frame is empty, of another world, or lacks columns of the bundle.
    UngradableError
        If a customer has no data at all.
    """
    now = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
    tell = progress or (lambda _stage, _done, _total: None)
    if published is not None:
        check_world(bundle, published)
    values = aligned(bundle, frame)
    frame_sha256 = _frame_sha256(frame)
    known_at = published.known_at if published else datetime.combine(frame.as_of, time.max)
    with database.read() as session:
        current = Grades(session).current_run()
        before = Grades(session).held_before(frame.as_of)
    fingerprint = _sha256(
        *(frame_sha256, bundle.digest, frame.as_of.isoformat(), known_at.isoformat()),
        *(policy.sha256 for policy in packaged_lifecycles()),
        *policy_sha256(),
        before.run_id or "",
    )
    if current is not None and current.fingerprint == fingerprint and not force:
        return BatchResult(current, created=False)

    started_at = now()
    run_id = f"{started_at:%Y%m%dT%H%M%S%f}-{fingerprint[:8]}"
    basis = basis_of(bundle, frame.as_of, run_id)
    grades, explanations = _grade_all(bundle, frame, values, basis, before, tell)
    watched = watch(bundle, frame, values, grades, basis)

    tell("store", 0, len(grades))
    with database.write() as session:
        finished_at = now()
        run = Run(
            run_id=run_id,
            basis=basis,
            known_at=known_at,
            started_at=started_at,
            finished_at=finished_at,
            actor=actor,
            fingerprint=fingerprint,
            frame_sha256=frame_sha256,
            manifest_sha256=published.manifest_sha256 if published else None,
            customers=len(grades),
            referred=sum(g.referred for g in grades),
            tiers=tuple(_summary(tier, grades) for tier in basis.tiers),
            layout=explanations.layout,
            previous_run_id=before.run_id,
        )
        store = Grades(session)
        store.add_run(run)
        store.add(_told(zip(grades, explanations.evidence(), strict=True), len(grades), tell))
        renewal = QueueRenewal(session, finished_at)
        renewal.see(grades)
        queue = renewal.finish(actor)
        alerts = renew_alerts(session, watched, run_id, finished_at)
        happenings = _happenings(run, grades, queue.happenings, alerts)
        record(session, happenings, at=finished_at, actor=actor)
    tell("store", len(grades), len(grades))
    return BatchResult(
        run,
        created=True,
        opened=queue.opened,
        kept=queue.kept,
        withdrawn=queue.withdrawn,
        alerts=alerts,
    )


def _grade_all(
    bundle: Bundle,
    frame: IndicatorFrame,
    values: FloatArray,
    basis: Basis,
    before: HeldBefore,
    tell: Progress,
) -> tuple[list[Grade], Explanations]:
    grades: list[Grade] = []
    explanations: list[Explanations] = []
    for start in range(0, len(frame), CHUNK):
        tell("grade", start, len(frame))
        rows = slice(start, start + CHUNK)
        graded = grade(bundle, values[rows], frame.customer_id[rows].tolist(), basis)
        grades += hold(graded.grades, bundle.scheme, before, frame.as_of)
        explanations.append(graded.explanations)
    tell("grade", len(frame), len(frame))
    return grades, concatenate(explanations)


def _told(
    pairs: Iterable[tuple[Grade, Evidence]], total: int, tell: Progress
) -> Iterator[tuple[Grade, Evidence]]:
    for done, pair_ in enumerate(pairs):
        if done % CHUNK == 0:
            tell("store", done, total)
        yield pair_


def _summary(tier: TierLabel, grades: list[Grade]) -> TierSummary:
    own = [g for g in grades if g.tier.index == tier.index]
    churn = [g.churn_probability for g in own if g.churn_probability is not None]
    return TierSummary(
        tier=tier,
        customers=len(own),
        referred=sum(g.referred for g in own),
        ltv=math.fsum(g.ltv or 0.0 for g in own),
        net_amount_365d=math.fsum(g.indicators.get("net_amount_365d") or 0.0 for g in own),
        score_mean=math.fsum(g.score for g in own) / len(own) if own else None,
        churn_probability_mean=math.fsum(churn) / len(churn) if churn else None,
    )


def _happenings(
    run: Run, grades: Sequence[Grade], queue: Sequence[Happening], alerts: AlertChanges
) -> list[Happening]:
    basis = run.basis
    moves = Counter(grade.tenure.event for grade in grades if grade.tenure)
    finished = Happening(
        "run.finished",
        f"run:{run.run_id}",
        {
            "as_of": basis.as_of.isoformat(),
            "known_at": run.known_at.isoformat(),
            "fingerprint": run.fingerprint,
            "frame_sha256": run.frame_sha256,
            "manifest_sha256": run.manifest_sha256,
            "bundle_digest": basis.bundle_digest,
            "model_version": basis.model_version,
            "scheme_id": basis.scheme_id,
            "scheme_version": basis.scheme_version,
            "scheme_sha256": basis.scheme_sha256,
            "lifecycles": {policy.id: policy.sha256 for policy in basis.lifecycles},
            "customers": run.customers,
            "referred": run.referred,
            "tiers": {summary.tier.id: summary.customers for summary in run.tiers},
            "previous_run_id": run.previous_run_id,
            "moves": dict(sorted(moves.items())),
            "alerts": alerts.payload,
        },
    )
    return [finished, *queue, *alerts.happenings]


def _frame_sha256(frame: IndicatorFrame) -> str:
    digest = hashlib.sha256()
    for text in (frame.as_of.isoformat(), *frame.columns, *frame.customer_id.tolist()):
        digest.update(text.encode() + b"\0")
    # One pattern of bits for every NaN, and for both zeros.
    digest.update((np.where(np.isnan(frame.values), np.nan, frame.values) + 0.0).tobytes())
    return digest.hexdigest()


def _sha256(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
