"""Replaying grades: the same indicators, bundle and policy must give the same bits again.

A grade stands if all of these hold: the run is the one the audit trail tells of; the bundle is
the one it was graded with; the indicators, computed again from what was known then, are those
that were graded; and every number that comes out is equal to the last bit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import numpy as np

from features.schema import IndicatorFrame
from serving.audit import Proof, prove
from serving.domain.evidence import Evidence
from serving.domain.grade import Grade, Run
from serving.errors import AuditError
from serving.holding import hold
from serving.scoring import Graded, aligned, basis_of, grade
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.raw import grade_ids, run_ids
from serving.store.session import Session
from training.bundle import Bundle

CHUNK = 2_000
"""Grades computed again between two signs of progress."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of one grade that came out otherwise."""

    grade_id: str
    customer_id: str
    field: str
    stored: object
    replayed: object


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it.

    Attributes
    ----------
    grades
        Grades computed again.
    differences
        Every number that was not the same to the last bit; empty when all grades stand.
    proof
        That the run stands in the audit trail as it was recorded.
    """

    run: Run
    grades: int
    differences: tuple[Difference, ...]
    proof: Proof

    @property
    def stands(self) -> bool:
        """Whether every grade was the same again."""
        return not self.differences


def run_of_grade(session: Session, grade_id: str) -> tuple[Run, Grade]:
    """Return a grade and its run.

    Raises
    ------
    AuditError
        If there is no such grade.
    """
    found = Grades(session).one(grade_id)
    if found is None:
        raise AuditError(
            f"There is no grade {grade_id!r} in this store.",
            hint="A grade's id is `grade_id` in the API and on the customer's page.",
            grade_id=grade_id,
        )
    return found


def replay(
    session: Session,
    run: Run,
    frame: IndicatorFrame,
    bundle: Bundle,
    *,
    only: str | Collection[str] | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Compute grades of a run again and compare.

    Parameters
    ----------
    frame
        Indicators of the run's day, made again from the sources as known then
        (``features.publish.materialise``), or read from what was published.
    only
        Id of the one grade to replay, or ids of several; all grades of the run by default.

    Raises
    ------
    AuditError
        If the trail does not know the run as it is stored, or the bundle is another one.
    """
    proof = _recorded(session, run)
    if bundle.digest != run.basis.bundle_digest:
        raise AuditError(
            f"Run {run.run_id} was graded with another bundle.",
            hint="Fetch the version that has this digest (`tierwise versions`), give --bundle.",
            needed=run.basis.bundle_digest,
            given=bundle.digest,
        )
    if frame.as_of != run.basis.as_of:
        raise AuditError(
            f"The indicators are of {frame.as_of}, the run's of {run.basis.as_of}.",
            hint="Make the frame of the run's day.",
        )
    place = {customer: row for row, customer in enumerate(frame.customer_id.tolist())}
    values = aligned(bundle, frame)
    basis = basis_of(bundle, frame.as_of, run.run_id)
    before = Grades(session).held_in(run.previous_run_id)
    differences: list[Difference] = []
    some = None if only is None or isinstance(only, str) else frozenset(only)
    total = run.customers if only is None else 1 if some is None else len(some)
    stored = iter(
        pair
        for pair in Grades(session).with_evidence(run, only if isinstance(only, str) else None)
        if some is None or pair[0].grade_id in some
    )
    tell = progress or (lambda _done, _total: None)
    done = 0
    while part := list(islice(stored, CHUNK)):
        tell(done, total)
        done += len(part)
        here = [pair for pair in part if pair[0].customer_id in place]
        differences += [
            Difference(was.grade_id, was.customer_id, "customer", was.customer_id, None)
            for was, _ in part
            if was.customer_id not in place
        ]
        if here:
            rows = [place[was.customer_id] for was, _ in here]
            ids = [was.customer_id for was, _ in here]
            again = grade(bundle, values[rows], ids, basis, run.explainer)
            if here[0][0].tenure is not None:
                held = hold(again.grades, bundle.scheme, before, frame.as_of)
                again = replace(again, grades=held)
            differences += _compared(here, again)
    tell(done, total)
    return Replay(run, done, tuple(differences), proof)


def replay_runs(
    session: Session,
    wanted: Mapping[str, Collection[str] | None],
    bundle_of: Callable[[Run], Bundle],
    frame_of: Callable[[Run], IndicatorFrame],
    *,
    progress: Progress | None = None,
) -> list[Replay]:
    """Compute grades of several runs again; the indicators of each run are made once.

    Parameters
    ----------
    wanted
        Ids of grades by run; None: all of the run's.

    Raises
    ------
    AuditError
        As :func:`replay` does, for the first run that is not as it was recorded.
    """
    runs = [run for run_id in wanted if (run := Grades(session).run(run_id)) is not None]
    sizes = [run.customers if (ids := wanted[run.run_id]) is None else len(ids) for run in runs]
    tell = progress or (lambda _done, _total: None)
    found: list[Replay] = []
    for number, run in enumerate(runs):

        def so_far(done: int, _total: int, before: int = sum(sizes[:number])) -> None:
            tell(before + done, sum(sizes))

        frame, only = frame_of(run), wanted[run.run_id]
        found.append(replay(session, run, frame, bundle_of(run), only=only, progress=so_far))
    return found


def draw(session: Session, count: int, seed: int) -> dict[str, frozenset[str]]:
    """Choose grades of the whole store at random; return their ids by run, the oldest run first.

    Parameters
    ----------
    count
        How many; all if there are fewer.
    seed
        The same seed over the same store chooses the same.
    """
    every = list(grade_ids(session))
    chosen: dict[str, set[str]] = defaultdict(set)
    for grade_id, run_id in Random(seed).sample(every, min(count, len(every))):
        chosen[run_id].add(grade_id)
    return {run_id: frozenset(chosen[run_id]) for run_id in run_ids(session) if run_id in chosen}


def _recorded(session: Session, run: Run) -> Proof:
    """Return the proof of the run's event, which must tell of the run as it is stored."""
    subject = f"run:{run.run_id}"
    events = [e for e in AuditEvents(session).about(subject) if e.action == "run.finished"]
    if not events:
        raise AuditError(f"The audit trail does not know run {run.run_id}.", run_id=run.run_id)
    told = events[-1].payload
    stored: dict[str, object] = {
        "fingerprint": run.fingerprint,
        "frame_sha256": run.frame_sha256,
        "manifest_sha256": run.manifest_sha256,
        "bundle_digest": run.basis.bundle_digest,
        "scheme_sha256": run.basis.scheme_sha256,
        "as_of": run.basis.as_of.isoformat(),
        "known_at": run.known_at.isoformat(),
        "customers": run.customers,
        "previous_run_id": run.previous_run_id,
    }
    # Not told of runs from before there was a choice.
    stored |= {"explainer": run.explainer} if "explainer" in told else {}
    wrong = sorted(key for key, value in stored.items() if told.get(key) != value)
    proof = prove(session, events[-1].sequence)
    if wrong or not proof.holds():
        raise AuditError(
            f"Run {run.run_id} is not stored as the audit trail recorded it.",
            hint="The store was changed past the service; compare with a backup.",
            fields=wrong,
        )
    return proof


def _compared(stored: Sequence[tuple[Grade, Evidence]], again: Graded) -> Iterator[Difference]:
    """Yield what differs, field by field."""
    pairs = zip(stored, again.grades, again.explanations.evidence(), strict=True)
    for (was, evidence), now, made in pairs:
        for field, old, new in (
            *_numbers(was, now),
            *(
                (f"explanation.{name}", getattr(evidence, name), getattr(made, name))
                for name in ("base", "contributions", "points", "weights")
            ),
        ):
            if not _same(old, new):
                yield Difference(was.grade_id, was.customer_id, field, old, new)


_FIELDS = (
    *("score", "margin_up", "margin_down", "churn_probability", "ltv", "ltv_lower", "ltv_upper"),
    *("referred", "reasons", "stages", "confidence", "segment", "dimension_scores", "tenure"),
)


def _numbers(was: Grade, now: Grade) -> Iterator[tuple[str, object, object]]:
    yield "tier", was.tier.id, now.tier.id
    for name in sorted({*was.indicators, *now.indicators}):
        yield f"indicators.{name}", was.indicators.get(name), now.indicators.get(name)
    for field in _FIELDS:
        yield field, getattr(was, field), getattr(now, field)


def _same(old: object, new: object) -> bool:
    """Tell whether two values are equal to the last bit; NaN is equal to NaN."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return np.float64(old).tobytes() == np.float64(new).tobytes() or (
            math.isnan(old) and math.isnan(new)
        )
    return old == new
