"""Grading a run's customers once more, by a model that is not served.

It happens after the run is served, in transactions of its own: whatever goes wrong with a
shadow, the champion's grades are there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from features.schema import Frames
from serving.domain.grade import Run
from serving.domain.shadow import ShadowGrade, ShadowRun
from serving.errors import BatchError
from serving.scoring import aligned, basis_of, check_columns, grade
from serving.shadow.comparison import compare
from serving.store.session import Database
from serving.store.shadows import Shadows
from training.bundle import Bundle

CHUNK = 1_000
"""Customers graded and written at a time."""


def grade_shadow(
    bundle: Bundle,
    frame: Frames,
    database: Database,
    run: Run,
    *,
    chunk: int = CHUNK,
    clock: Callable[[], datetime] | None = None,
) -> ShadowRun:
    """Let a shadow grade the customers of a run; a pass that is there already is returned.

    Raises
    ------
    BatchError
        If the frame lacks columns of the shadow, or is of another world or day than the run; if
        the champion graded nobody.
    UngradableError
        If a customer has no data at all.
    """
    now = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
    basis = basis_of(bundle, frame.as_of, run_id=None)
    if (basis.world, frame.as_of) != (run.basis.world, run.basis.as_of):
        raise BatchError(
            f"The shadow is of {basis.world} on {frame.as_of}, the run of {run.basis.world} on "
            f"{run.basis.as_of}.",
            hint="Give the shadow the frame of the run, and a model of its world.",
        )
    if run.canary is not None and run.canary.customers == run.customers:
        raise BatchError(
            "There is no champion to compare with: the canary graded everybody.",
            hint="Give the canary a share below 100 %, or promote it.",
        )
    check_columns(bundle, frame)
    with database.read() as session:
        done = Shadows(session).run(run.run_id, basis.bundle_digest)
    if done is not None:
        return done
    with database.write() as session:
        Shadows(session).clear(run.run_id, basis.bundle_digest)
    count = 0
    for block in frame.blocks(chunk):
        graded = grade(bundle, aligned(bundle, block), block.customer_id.tolist(), basis)
        grades = [
            ShadowGrade(
                customer_id=each.customer_id,
                score=each.score,
                tier_id=each.tier.id,
                referred=each.referred,
                churn_probability=each.churn_probability,
                ltv=each.ltv,
            )
            for each in graded.grades
        ]
        with database.write() as session:
            Shadows(session).add(run.run_id, basis.bundle_digest, grades)
        count += len(grades)
    tiers = tuple(tier.id for tier in basis.tiers)
    with database.read() as session:
        pairs = Shadows(session).pairs(run, basis.bundle_digest)
        comparison = compare(pairs, [tier.id for tier in run.basis.tiers], tiers)
    shadow = ShadowRun(
        run_id=run.run_id,
        bundle_digest=basis.bundle_digest,
        model_version=basis.model_version,
        scheme_id=basis.scheme_id,
        scheme_version=basis.scheme_version,
        tiers=tiers,
        customers=count,
        finished_at=now(),
        comparison=comparison,
    )
    with database.write() as session:
        Shadows(session).finish(shadow)
    return shadow
