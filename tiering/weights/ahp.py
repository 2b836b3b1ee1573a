"""Analytic hierarchy process: weights from pairwise comparisons, and how far they fit (#40)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from features.schema import FloatArray
from tiering.errors import WeightsError
from tiering.weights.delphi import squared_error
from tiering.weights.judgements import SCALE, Judgements
from tiering.weights.rules import Rules

RANDOM_INDEX = (
    *(0.0, 0.0, 0.0, 0.5247, 0.8816, 1.1086, 1.2479, 1.3417),
    *(1.4057, 1.4499, 1.4854, 1.5140, 1.5365, 1.5551, 1.5713, 1.5838),
)
"""Mean consistency index of random reciprocal matrices of 0 to 15 items on Saaty's scale:
Alonso and Lamata, Consistency in the Analytic Hierarchy Process, International Journal of
Uncertainty, Fuzziness and Knowledge-Based Systems 14 (2006), from 100,000 matrices each."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The judgement that fits the others worst, and what would fit.

    Attributes
    ----------
    given
        How many times ``first`` counts more than ``second``, as judged.
    fitting
        As all other judgements have it.
    suggested
        ``fitting`` on Saaty's scale: 1 to 9 or a reciprocal.
    ratio
        Consistency ratio with ``suggested`` in its place.
    """

    first: str
    second: str
    given: float
    fitting: float
    suggested: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One matrix of comparisons, solved.

    Attributes
    ----------
    weights
        Principal eigenvector, summing to 1, ``(n,)`` in the order of the items.
    ratio
        Consistency ratio, 0 (each judgement follows from the others) and up.
    repair
        None where no judgement can be bettered.
    """

    weights: tuple[float, ...]
    ratio: float
    repair: Repair | None


@dataclass(frozen=True, slots=True)
class AhpResult:
    """What the members' comparisons come to.

    Attributes
    ----------
    weights
        Item to weight, of the group's comparisons.
    group
        The geometric mean of the judgements of ``used``, solved.
    by_member
        Every member's own comparisons, solved.
    by_role
        Role to weights of its members among ``used``.
    inconsistent
        Members whose ratio reaches the limit.
    used
        Members in the group's mean.
    variance
        Squared standard error of ``weights`` by the scatter of the members used, summed over
        the items; NaN for a single member.
    """

    items: tuple[str, ...]
    weights: Mapping[str, float]
    group: Comparison
    by_member: Mapping[str, Comparison]
    by_role: Mapping[str, Mapping[str, float]]
    inconsistent: tuple[str, ...]
    used: tuple[str, ...]
    variance: float
    simulated: bool


def compare(judgements: Judgements, rules: Rules) -> AhpResult:
    """Return weights of the group and of every member.

    The group judges by the geometric mean of its members' judgements, the one mean of ratios
    that stays reciprocal (Aczél and Saaty, Journal of Mathematical Psychology 27, 1983).

    Raises
    ------
    WeightsError
        If inconsistent members are left out and nobody remains.
    """
    items, matrices = judgements.items, judgements.matrices
    solved = {member: solve(matrix, items) for member, matrix in matrices.items()}
    wrong = tuple(m for m, each in solved.items() if each.ratio >= rules.ahp.most_ratio)
    keep = rules.ahp.inconsistent == "keep"
    used = tuple(m for m in solved if keep or m not in wrong)
    if not used:
        told = "; ".join(f"{member} {solved[member].ratio:.2f}" for member in wrong)
        raise WeightsError(
            f"Nobody judged consistently: the consistency ratios are {told}.",
            hint=f"Ask for the judgements named in `repair` again; below "
            f"{rules.ahp.most_ratio:g} they count.",
            repair={member: repair_words(solved[member].repair) for member in wrong},
        )
    group = solve(geometric_mean([matrices[member] for member in used]), items)
    own = np.array([solved[member].weights for member in used])
    roles = {
        role: [matrices[member] for member in used if judgements.members[member] == role]
        for role in rules.role_ids
    }
    return AhpResult(
        items=items,
        weights=dict(zip(items, group.weights, strict=True)),
        group=group,
        by_member=solved,
        by_role={
            role: dict(zip(items, eigenvector(geometric_mean(theirs))[0].tolist(), strict=True))
            for role, theirs in roles.items()
            if theirs
        },
        inconsistent=wrong,
        used=used,
        variance=squared_error(own) if len(own) > 1 else float("nan"),
        simulated=judgements.simulated,
    )


def solve(matrix: FloatArray, items: tuple[str, ...]) -> Comparison:
    """Return the weights of a reciprocal matrix ``(n, n)``, its ratio and the worst judgement."""
    weights, largest = eigenvector(matrix)
    ratio = consistency_ratio(largest, len(items))
    return Comparison(tuple(weights.tolist()), ratio, _repair(matrix, items, ratio))


def eigenvector(matrix: FloatArray) -> tuple[FloatArray, float]:
    """Return the principal eigenvector ``(n,)``, summing to 1, and its eigenvalue, n and up."""
    values, vectors = np.linalg.eig(matrix)
    # Perron: of a positive matrix the largest is real, and its vector has one sign.
    place = int(np.argmax(values.real))
    vector = np.abs(vectors[:, place].real)
    return vector / vector.sum(), float(values[place].real)


def consistency_ratio(largest: float, n: int) -> float:
    """Return the consistency index over that of random judgements; 0 for one or two items."""
    if n < 3:
        return 0.0
    return max(0.0, (largest - n) / (n - 1) / RANDOM_INDEX[n])


def geometric_mean(matrices: list[FloatArray]) -> FloatArray:
    """Return the element-wise geometric mean of reciprocal matrices ``(n, n)``."""
    mean: FloatArray = np.exp(np.mean([np.log(matrix) for matrix in matrices], axis=0))
    return mean


def on_scale(value: float) -> float:
    """Return the nearest judgement of Saaty's scale, by ratio: 1 to 9 or a reciprocal."""
    larger = np.arange(1.0, SCALE + 1.0)
    scale = np.concatenate([1.0 / larger[:0:-1], larger])
    return float(scale[np.abs(np.log(scale / value)).argmin()])


def as_judgement(value: float) -> str:
    """Return a judgement as people write it: ``3``, ``1/3``, ``2.5``."""
    return f"{value:.3g}" if value >= 1 else f"1/{1 / value:.3g}"


def repair_words(repair: Repair | None) -> str:
    """Return a repair in words; a dash where there is none."""
    if repair is None:
        return "–"
    return (
        f"{repair.first} against {repair.second}: {as_judgement(repair.given)}, "
        f"the others say {as_judgement(repair.suggested)} (ratio {repair.ratio:.2f})"
    )


def _repair(matrix: FloatArray, items: tuple[str, ...], ratio: float) -> Repair | None:
    """Return the judgement whose change betters the ratio most.

    Each is taken out in turn, and its value follows from the others: Harker's way with missing
    comparisons (Mathematical Modelling 9, 1987), a zero in its place and 2 on the diagonal.
    """
    best: Repair | None = None
    for i, j in combinations(range(len(items)), 2):
        without = matrix.copy()
        without[i, j] = without[j, i] = 0.0
        without[i, i] = without[j, j] = 2.0
        weights, _ = eigenvector(without)
        if not weights[i] * weights[j] > 0:
            continue  # two items alone: without their judgement nothing ties them
        fitting = float(weights[i] / weights[j])
        suggested = on_scale(fitting)
        changed = matrix.copy()
        changed[i, j], changed[j, i] = suggested, 1.0 / suggested
        after = consistency_ratio(eigenvector(changed)[1], len(items))
        if after < (ratio if best is None else best.ratio) - 1e-9:
            best = Repair(items[i], items[j], float(matrix[i, j]), fitting, suggested, after)
    return best
