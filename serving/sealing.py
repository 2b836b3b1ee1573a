"""Sealing runs: what a run's grades were is recorded with it, and can be checked and proved."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from serving.domain.event import AuditEvent
from serving.domain.merkle import Head, MerkleTree, proves_inclusion
from serving.domain.seal import Record, Seal, record_digest
from serving.errors import AuditError
from serving.store.audit_events import AuditEvents
from serving.store.overrides import Overrides
from serving.store.ranks import Ranks
from serving.store.raw import raw_grades, raw_run, run_ids, strays
from serving.store.session import Session

_OVERRIDING = tuple(f"override.{step}" for step in ("granted", "expired", "revoked", "superseded"))

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class GradeProof:
    """Evidence that a grade was in a run as it was recorded; needs no store to be checked.

    Attributes
    ----------
    grade, explanation
        Both rows, column by column.
    head
        What the run recorded: the number of its grades and the root of their tree.
    place
        Of the grade among the leaves, from 0.
    path
        Hashes (hex) from the grade up to the root; about ``log2(head.size)``.
    """

    grade: Record
    explanation: Record
    head: Head
    place: int
    path: tuple[str, ...]

    def holds(self) -> bool:
        """Tell whether the grade is unchanged and stands under the root."""
        leaf = record_digest(self.grade, self.explanation).hex()
        return proves_inclusion(self.head, self.place, leaf, self.path)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a look at all runs found to be as it was recorded.

    Attributes
    ----------
    runs, grades
        How many were compared with their seals.
    unsealed
        Runs from before runs were sealed, which nothing can be said of.
    """

    runs: int
    grades: int
    unsealed: int


def sealed(run_row: Record, head: Head) -> dict[str, object]:
    """Return what the event of a finished run tells of its rows."""
    return {"grades_root": head.root, "run_sha256": record_digest(run_row).hex()}


def verify_runs(session: Session, progress: Progress | None = None) -> Sealed:
    """Compare every run, grade and override with what the audit trail recorded of them.

    The trail itself must have been verified (:func:`serving.audit.verify`).

    Raises
    ------
    AuditError
        If a run, a grade or an explanation was changed, added or taken away past the service;
        ``context["wrong"]`` says of every run what.
    """
    tell = progress or (lambda _done, _total: None)
    told = {event.subject.partition(":")[2]: event for event in _finished(session)}
    present = run_ids(session)
    wrong = [f"run {run_id}: not in the trail" for run_id in present if run_id not in told]
    wrong += [f"run {run_id}: gone" for run_id in told if run_id not in present]
    wrong += _wrong_overrides(session)
    wrong += [f"{stray}: belongs to nothing" for stray in strays(session)]
    runs = grades = unsealed = 0
    for done, run_id in enumerate(present):
        tell(done, len(present))
        if Ranks(session).wrong(run_id):
            wrong.append(f"run {run_id}: its lists are not those of its grades")
        payload = told[run_id].payload if run_id in told else {}
        if "grades_root" not in payload:
            unsealed += run_id in told
            continue
        runs += 1
        row = raw_run(session, run_id)
        if row is None or record_digest(row).hex() != payload["run_sha256"]:
            wrong.append(f"run {run_id}: changed")
        head = _seal(session, run_id).head
        grades += head.size
        if head != _recorded(payload):
            wrong.append(f"run {run_id}: its grades are not those that were recorded")
    tell(len(present), len(present))
    if wrong:
        raise AuditError(
            f"The store is not as the audit trail recorded it: {'; '.join(wrong[:3])}.",
            hint="It was changed past the service. Compare with a backup; `tierwise audit replay` "
            "of the run tells which grades.",
            wrong=wrong,
        )
    return Sealed(runs, grades, unsealed)


def prove_grade(session: Session, run_id: str, grade_id: str) -> GradeProof:
    """Return the proof that a grade is the one that its run recorded.

    Raises
    ------
    AuditError
        If the run has no such grade, was not sealed, or is not as it was recorded.
    """
    events = AuditEvents(session).about(f"run:{run_id}")
    payload = next((e.payload for e in events if "grades_root" in e.payload), None)
    if payload is None:
        raise AuditError(f"Run {run_id} was finished before runs were sealed.", run_id=run_id)
    seal, mine = Seal(), None
    for grade, explanation in raw_grades(session, run_id):
        seal.add(grade, explanation)
        if grade["grade_id"] == grade_id:
            mine = grade, explanation
    if mine is None:
        raise AuditError(f"Run {run_id} has no grade {grade_id!r}.", run_id=run_id)
    leaves = seal.leaves()
    place = leaves.index(record_digest(*mine).hex())
    tree = MerkleTree(leaves)
    if tree.head != _recorded(payload):
        raise AuditError(
            f"The grades of run {run_id} are not those that were recorded.",
            hint="The store was changed past the service; compare with a backup.",
            run_id=run_id,
        )
    return GradeProof(*mine, tree.head, place, tree.inclusion(place))


def proof_document(proof: GradeProof) -> dict[str, object]:
    """Return a proof as plain JSON; bytes are written as base64, as they were hashed."""
    rows = [
        {name: _plain(value) for name, value in row.items()}
        for row in (proof.grade, proof.explanation)
    ]
    return {
        "grade": rows[0],
        "explanation": rows[1],
        "head": {"size": proof.head.size, "root": proof.head.root},
        "place": proof.place,
        "path": list(proof.path),
    }


def proof_of_grade(document: Mapping[str, Any]) -> GradeProof:
    """Read what :func:`proof_document` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else.
    """
    head = Head(int(document["head"]["size"]), str(document["head"]["root"]))
    grade, explanation = dict(document["grade"]), dict(document["explanation"])
    return GradeProof(grade, explanation, head, int(document["place"]), tuple(document["path"]))


def recorded_head(event: AuditEvent) -> Head | None:
    """Return the head of the grades that an event recorded; None if it recorded none."""
    return _recorded(event.payload) if "grades_root" in event.payload else None


def _plain(value: object) -> object:
    # Written as they are hashed, so the proof is checked on what it shows.
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, date) else value


def _seal(session: Session, run_id: str) -> Seal:
    seal = Seal()
    for grade, explanation in raw_grades(session, run_id):
        seal.add(grade, explanation)
    return seal


def _wrong_overrides(session: Session) -> list[str]:
    """Return what is wrong with tiers that people gave: each was told of at its every step."""
    told: dict[str, object] = {}
    for event in AuditEvents(session).of_action(*_OVERRIDING):
        if "override_sha256" in event.payload:
            told[event.subject.partition(":")[2]] = event.payload["override_sha256"]
    present = {each.override_id: each.sha256 for each in Overrides(session).all()}
    changed = {key for key in {*told, *present} if told.get(key) != present.get(key)}
    return [f"override {key}: not as it was recorded" for key in sorted(changed)]


def _recorded(payload: Mapping[str, object]) -> Head:
    return Head(int(str(payload["customers"])), str(payload["grades_root"]))


def _finished(session: Session) -> Iterator[AuditEvent]:
    return AuditEvents(session).of_action("run.finished")
