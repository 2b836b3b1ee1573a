"""What the members of a panel answered: read from a document, every fault told (#39)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from features.schema import FloatArray
from tiering.errors import Fault
from tiering.weights.documents import Frozen, head_of, refuse, rows_of
from tiering.weights.rules import Rules

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Answer:
    """One member's weights in one round.

    Attributes
    ----------
    weights
        Weight of each dimension, in the panel's order; shares that sum to 1.
    """

    round: int
    member: str
    role: str
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of a panel.

    Attributes
    ----------
    dimensions
        Ids, in the order of every answer's weights.
    members
        Member to role: all who were asked or answered, by name.
    answers
        By round and member.
    simulated
        Whether made up, for a rehearsal or a proof.
    """

    dimensions: tuple[str, ...]
    members: Mapping[str, str]
    answers: tuple[Answer, ...]
    simulated: bool = False
    rounds: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounds", tuple(sorted({a.round for a in self.answers})))

    def of(self, number: int) -> tuple[Answer, ...]:
        """Return the answers of a round, by member."""
        return tuple(answer for answer in self.answers if answer.round == number)

    def first(self) -> tuple[Answer, ...]:
        """Return each member's first answer, by member."""
        return _one_each(reversed(self.answers))

    def latest(self, number: int) -> tuple[Answer, ...]:
        """Return each member's latest answer up to a round, by member."""
        return _one_each(answer for answer in self.answers if answer.round <= number)


def matrix(answers: Sequence[Answer]) -> FloatArray:
    """Return answers as weights ``(m, d)``."""
    return np.array([answer.weights for answer in answers], dtype=np.float64)


def _one_each(answers: Iterator[Answer]) -> tuple[Answer, ...]:
    last = {answer.member: answer for answer in answers}
    return tuple(last[member] for member in sorted(last))


class _Member(Frozen):
    member: Annotated[str, Field(min_length=1)]
    role: str


class _Row(_Member):
    round: Annotated[int, Field(ge=1)]
    weights: dict[str, Annotated[float, Field(ge=0)]]


class _Head(Frozen):
    simulated: bool = False
    total: Annotated[float, Field(gt=0)] | None = None
    dimensions: tuple[str, ...] = ()
    members: Any = ()
    answers: Any = ()


def read_answers(
    document: Mapping[str, Any], rules: Rules, *, origin: str = "The answers"
) -> Answers:
    """Read a panel's answers.

    Parameters
    ----------
    document
        ``answers``: a list of ``round``, ``member``, ``role`` and ``weights`` (dimension to
        points). Optional: ``dimensions`` (ids; by default those of the first answer), ``total``
        (what each answer must sum to, such as 100 points or 1; by default any, and answers are
        divided by their sum), ``members`` (``member`` and ``role`` of all who are asked, so that
        one who never answers is missed), ``simulated``.
    origin
        What to call the document in an error.

    Raises
    ------
    WeightsError
        If it breaks a rule; all faults are listed with their place.
    """
    faults: list[Fault] = []
    head = head_of(_Head, document, faults)
    asked = list(rows_of(_Member, document, "members", faults))
    rows = list(rows_of(_Row, document, "answers", faults))
    dimensions = head.dimensions or tuple(rows[0][1].weights if rows else ())
    faults += _panel([*asked, *rows], rows, dimensions, rules)
    for place, row in rows:
        faults += _weights(f"{place}.weights", row, dimensions, head.total)
    if faults:
        raise refuse(
            origin, faults, "Ask the members named, or mend the file; see docs/weights.md."
        )
    found = [
        Answer(
            row.round,
            row.member,
            row.role,
            tuple(row.weights[name] / math.fsum(row.weights.values()) for name in dimensions),
        )
        for _, row in rows
    ]
    return Answers(
        dimensions,
        dict(sorted((row.member, row.role) for _, row in [*asked, *rows])),
        tuple(sorted(found, key=lambda answer: (answer.round, answer.member))),
        head.simulated,
    )


def _panel(
    everyone: Sequence[tuple[str, _Member]],
    rows: Sequence[tuple[str, _Row]],
    dimensions: tuple[str, ...],
    rules: Rules,
) -> Iterator[Fault]:
    """Yield what is wrong with who answered what, and when."""
    if not rows:
        yield Fault("answers", "are missing.")
    elif len(set(dimensions)) < max(2, len(dimensions)):
        yield Fault("dimensions", "must be two or more, each named once.")
    roles: dict[str, str] = {}
    for place, row in everyone:
        if row.role not in rules.role_ids:
            known = ", ".join(rules.role_ids)
            yield Fault(
                f"{place}.role", f"{row.role!r} of {row.member} is no role; known: {known}."
            )
        if roles.setdefault(row.member, row.role) != row.role:
            yield Fault(f"{place}.role", f"{row.member} was {roles[row.member]!r} before.")
    given: Counter[tuple[int, str]] = Counter()
    for place, row in rows:
        given[row.round, row.member] += 1
        if given[row.round, row.member] == 2:
            yield Fault(place, f"{row.member} answered round {row.round} twice.")
    numbers = {row.round for _, row in rows}
    for number in sorted(set(range(1, max(numbers, default=0))) - numbers):
        yield Fault("answers", f"round {number} has no answer, but a later round has.")


def _weights(
    place: str, row: _Row, dimensions: tuple[str, ...], total: float | None
) -> Iterator[Fault]:
    who = f"{row.member}, round {row.round}"
    for name in dimensions:
        if name not in row.weights:
            yield Fault(f"{place}.{name}", f"is missing ({who}); write 0 if it counts nothing.")
    for name in row.weights:
        if name not in dimensions:
            yield Fault(f"{place}.{name}", f"is no dimension of this panel ({who}).")
    found = math.fsum(row.weights.values())
    if found <= 0:
        yield Fault(place, f"are all 0 ({who}).")
    elif total is not None and abs(found - total) > _TOLERANCE * total:
        yield Fault(place, f"sum to {found:g}, not {total:g} ({who}).")
