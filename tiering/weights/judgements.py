"""Pairwise judgements of members, read from a document, every fault told (#40)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from features.schema import FloatArray
from tiering.errors import Fault
from tiering.weights.documents import Frozen, head_of, refuse, rows_of
from tiering.weights.rules import Rules

SCALE = 9.0
"""Saaty's largest judgement: "extremely more important"; the smallest is its reciprocal."""

MOST_ITEMS = 15
"""The random index is known so far (``tiering/weights/ahp.py``); nobody keeps more in mind."""

_ROUNDING = 0.02
"""0.33 is a third: how far the product of both directions may be from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """All members' comparisons.

    Attributes
    ----------
    items
        What was compared.
    members
        Member to role, by name of the member.
    matrices
        Member to comparisons ``(n, n)``: how many times row counts more than column; reciprocal.
    """

    items: tuple[str, ...]
    members: Mapping[str, str]
    matrices: Mapping[str, FloatArray]
    simulated: bool = False


class _Judge(Frozen):
    member: Annotated[str, Field(min_length=1)]
    role: str


class _Pair(_Judge):
    first: str
    second: str
    value: float | str


class _Matrix(_Judge):
    rows: tuple[tuple[float | str, ...], ...]


class _Head(Frozen):
    simulated: bool = False
    items: tuple[str, ...] = ()
    judgements: Any = ()
    matrices: Any = ()


_Given = dict[str, dict[tuple[str, str], tuple[str, float]]]
"""Member to (first, second) to where it was said and what."""


def read_judgements(
    document: Mapping[str, Any], rules: Rules, *, origin: str = "The judgements"
) -> Judgements:
    """Read pairwise comparisons.

    Parameters
    ----------
    document
        ``judgements``: a list of ``member``, ``role``, ``first``, ``second``, ``value``: how many
        times ``first`` counts more, a number or ``"1/3"``, from 1/9 to 9; each pair once, in
        either direction. Or ``matrices``: a list of ``member``, ``role``, ``rows``, with
        ``items`` naming rows and columns. Optional: ``items`` (by default in the order met),
        ``simulated``.

    Raises
    ------
    WeightsError
        If it breaks a rule; all faults are listed with their place.
    """
    faults: list[Fault] = []
    head = head_of(_Head, document, faults)
    pairs = list(rows_of(_Pair, document, "judgements", faults))
    squares = list(rows_of(_Matrix, document, "matrices", faults))
    met = dict.fromkeys(name for _, pair in pairs for name in (pair.first, pair.second))
    items = head.items or tuple(met)
    everyone: list[tuple[str, _Judge]] = [*pairs, *squares]
    faults += _items(items, everyone)
    members: dict[str, str] = {}
    for place, row in everyone:
        if row.role not in rules.role_ids:
            known = ", ".join(rules.role_ids)
            faults.append(
                Fault(f"{place}.role", f"{row.role!r} of {row.member} is no role; known: {known}.")
            )
        if members.setdefault(row.member, row.role) != row.role:
            faults.append(Fault(f"{place}.role", f"{row.member} was {members[row.member]!r}."))
    given: _Given = {member: {} for member in sorted(members)}
    for place, pair in pairs:
        _say(given[pair.member], place, pair.first, pair.second, pair.value, items, faults)
    for place, square in squares:
        if [len(row) for row in square.rows] != [len(items)] * len(items):
            faults.append(Fault(f"{place}.rows", f"must be {len(items)} rows of as many values."))
            continue
        for (i, first), (j, second) in ((a, b) for a in enumerate(items) for b in enumerate(items)):
            spot = f"{place}.rows[{i}][{j}]"
            _say(given[square.member], spot, first, second, square.rows[i][j], items, faults)
    matrices = {member: _assembled(member, said, items, faults) for member, said in given.items()}
    if faults:
        raise refuse(
            origin, faults, "Ask the members named, or mend the file; see docs/weights.md."
        )
    return Judgements(items, dict(sorted(members.items())), matrices, head.simulated)


def _items(items: tuple[str, ...], rows: Sequence[object]) -> Iterator[Fault]:
    if not rows:
        yield Fault("judgements", "are missing.")
    elif len(set(items)) < len(items) or not 2 <= len(items) <= MOST_ITEMS:
        yield Fault("items", f"must be 2 to {MOST_ITEMS}, each named once.")


def _say(
    said: dict[tuple[str, str], tuple[str, float]],
    place: str,
    first: str,
    second: str,
    told: float | str,
    items: tuple[str, ...],
    faults: list[Fault],
) -> None:
    """Note one judgement, or why it is none."""
    value = _number(told)
    unknown = [name for name in (first, second) if name not in items]
    if unknown:
        faults.append(Fault(place, f"{', '.join(map(repr, unknown))} is not compared here."))
    elif value is None or not 1 / SCALE - 1e-3 <= value <= SCALE:
        faults.append(Fault(place, f"{told!r} is not from 1/9 to 9."))
    elif first == second:
        if value != 1:
            faults.append(Fault(place, f"{first!r} against itself is 1, not {told}."))
    elif (first, second) in said:
        where = said[first, second][0]
        faults.append(Fault(place, f"{first} against {second} was already said in {where}."))
    else:
        said[first, second] = place, value


def _number(told: float | str) -> float | None:
    try:
        return float(Fraction(told)) if isinstance(told, str) else told
    except (ValueError, ZeroDivisionError):
        return None


def _assembled(
    member: str,
    said: dict[tuple[str, str], tuple[str, float]],
    items: tuple[str, ...],
    faults: list[Fault],
) -> FloatArray:
    """Return a reciprocal matrix ``(n, n)``; what is missing or contradicts itself is noted."""
    found = np.ones((len(items), len(items)))
    for (i, first), (j, second) in combinations(enumerate(items), 2):
        there, back = said.get((first, second)), said.get((second, first))
        if there is None and back is None:
            faults.append(Fault(member, f"did not compare {first} with {second}."))
            continue
        if there and back and abs(math.log(there[1] * back[1])) > _ROUNDING:
            faults.append(
                Fault(back[0], f"contradicts {there[0]}: {there[1]:g} and {back[1]:g} of {member}.")
            )
        # Of two directions the one above 1 was said in full; the other is its rounded reciprocal.
        either = [there[1]] if there else []
        either += [1 / back[1]] if back else []
        value = either[0] if either[0] >= 1 else either[-1]
        found[i, j], found[j, i] = value, 1 / value
    return found
