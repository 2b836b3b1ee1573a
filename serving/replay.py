"""Replaying grades: the same indicators, bundle and policy must give the same bits again.

A grade stands if all of these hold: the run is the one the audit trail tells of; the bundle is
the one it was graded with; the indicators, computed again from what was known then, are those
that were graded; and every number that comes out is equal to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from features.schema import FloatArray, IndicatorFrame
from serving.audit import Proof, prove
from serving.domain.canary import Canary
from serving.domain.grade import Basis, Grade, Run
from serving.domain.tenure import HeldBefore
from serving.errors import AuditError
from serving.holding import hold
from serving.nightly.telling import canary_told
from serving.sameness import Difference, Stored, compared
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
    *bundles: Bundle,
    only: str | Collection[str] | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Compute grades of a run again and compare.

    Parameters
    ----------
    frame
        Indicators of the run's day, made again from the sources as known then
        (``features.publish.materialise``), or read from what was published.
    bundles
        Those that gave the grades: the champion's, the canary's, or both.
    only
        Id of the one grade to replay, or ids of several; all grades of the run by default.

    Raises
    ------
    AuditError
        If the trail does not know the run as it is stored, or a bundle is another one.
    """
    proof = _recorded(session, run)
    if frame.as_of != run.basis.as_of:
        raise AuditError(
            f"The indicators are of {frame.as_of}, the run's of {run.basis.as_of}.",
            hint="Make the frame of the run's day.",
        )
    place = {customer: row for row, customer in enumerate(frame.customer_id.tolist())}
    again_by = {
        side.basis.canary: _Again.of(run, side, bundles, frame)
        for side in sides_of(session, run, only)
    }
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
        differences += [
            Difference(was.grade_id, was.customer_id, "customer", was.customer_id, None)
            for was, _ in part
            if was.customer_id not in place
        ]
        for canary, by in again_by.items():
            here = [
                (was, evidence)
                for was, evidence in part
                if was.customer_id in place and was.basis.canary == canary
            ]
            if here:
                differences += compared(here, by.graded(here, place, before))
    tell(done, total)
    return Replay(run, done, tuple(differences), proof)


@dataclass(frozen=True, slots=True, eq=False)
class _Again:
    """One side of a run, about to grade the same customers again."""

    bundle: Bundle
    basis: Basis
    explainer: str
    values: FloatArray

    @classmethod
    def of(
        cls, run: Run, side: Run | Canary, bundles: Sequence[Bundle], frame: IndicatorFrame
    ) -> _Again:
        needed = side.basis.bundle_digest
        bundle = next((each for each in bundles if each.digest == needed), None)
        if bundle is None:
            raise AuditError(
                f"Run {run.run_id} was graded with another bundle.",
                hint="Fetch the version that has this digest (`tierwise versions`), give --bundle.",
                needed=needed,
                given=", ".join(each.digest for each in bundles),
            )
        basis = basis_of(bundle, frame.as_of, run.run_id)
        return cls(bundle, basis, side.explainer, aligned(bundle, frame))

    def graded(
        self, here: Sequence[Stored], place: Mapping[str, int], before: HeldBefore
    ) -> Graded:
        """Return stored grades computed again, each from its row of the frame."""
        ids = [was.customer_id for was, _ in here]
        rows = [place[each] for each in ids]
        again = grade(self.bundle, self.values[rows], ids, self.basis, self.explainer)
        if here[0][0].tenure is None:
            return again
        held = hold(again.grades, self.bundle.scheme, before, self.basis.as_of)
        return replace(again, grades=held)


def sides_of(
    session: Session, run: Run, only: str | Collection[str] | None = None
) -> tuple[Run | Canary, ...]:
    """Return the sides that gave any of some grades of a run, by default of all of them."""
    if run.canary is None:
        return (run,)
    both: tuple[Run | Canary, ...] = (run, run.canary)
    if only is None:
        graded = run.customers - run.canary.customers, run.canary.customers
        return tuple(side for side, count in zip(both, graded, strict=True) if count)
    found = Grades(session).sides_among(run, [only] if isinstance(only, str) else sorted(only))
    return tuple(side for side in both if side.basis.canary in found)


def replay_runs(
    session: Session,
    wanted: Mapping[str, Collection[str] | None],
    bundle_of: Callable[[str], Bundle],
    frame_of: Callable[[Run], IndicatorFrame],
    *,
    progress: Progress | None = None,
) -> list[Replay]:
    """Compute grades of several runs again; the indicators of each run are made once.

    Parameters
    ----------
    wanted
        Ids of grades by run; None: all of the run's.
    bundle_of
        Returns a bundle by its digest.

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
        sides = sides_of(session, run, only)
        bundles = [bundle_of(side.basis.bundle_digest) for side in sides]
        found.append(replay(session, run, frame, *bundles, only=only, progress=so_far))
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
    if run.canary is not None or "canary" in told:
        stored["canary"] = None if run.canary is None else canary_told(run.canary)
    wrong = sorted(key for key, value in stored.items() if told.get(key) != value)
    proof = prove(session, events[-1].sequence)
    if wrong or not proof.holds():
        raise AuditError(
            f"Run {run.run_id} is not stored as the audit trail recorded it.",
            hint="The store was changed past the service; compare with a backup.",
            fields=wrong,
        )
    return proof
