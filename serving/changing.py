"""Why a customer's score is another than it was: an exact account of the difference.

Both scores are accounts that add up: ``score = base + sum(contributions)``. Under the same model
and scheme their difference is the difference of the entries, indicator by indicator, and that of
the bases: which data are known moves the score of a typical customer with the same data.

Where the model or the scheme changed in between, the figures of then are graded again by what is
in force now. What that alone does to the score is the part of the change nobody's behaviour has to
do with; from there on everything is as above, by one model. If what is in force now is not at hand,
the two accounts are set against each other as they are, and every part may have both in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from serving.domain.grade import Contribution, Explanation, Grade
from serving.scoring import grade
from tiering.errors import UngradableError
from training.bundle import Bundle

How = Literal["same_model", "graded_again", "side_by_side"]
Kind = Literal["indicator", "model", "base"]


@dataclass(frozen=True, slots=True)
class ChangePart:
    """A part of the difference between two scores.

    Attributes
    ----------
    kind
        ``indicator``; ``model``: the change of model or scheme; ``base``: the change of the score
        of a typical customer with the same data.
    indicator, dimension
        Of an indicator: its name, and the dimension in which its points count. Else None.
    value_before, value_after
        The indicator's value; None is unknown, or no indicator.
    before, after
        Score points: contributions; of the model, the whole scores; of the base, the bases.
    """

    kind: Kind
    indicator: str | None
    dimension: str | None
    value_before: float | None
    value_after: float | None
    before: float
    after: float

    @property
    def points(self) -> float:
        """What it adds to the score, signed."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """``before.score + sum(part.points) == after.score`` within 1e-9.

    Attributes
    ----------
    how
        ``same_model``: nothing but figures changed. ``graded_again``: the figures of then, by the
        model and scheme of now, stand in the middle. ``side_by_side``: see above.
    parts
        The largest first; those of exactly 0 points are left out.
    """

    before: Grade
    after: Grade
    how: How
    parts: tuple[ChangePart, ...]

    @property
    def points(self) -> float:
        """The difference of the scores."""
        return self.after.score - self.before.score

    def by_dimension(self) -> dict[str, float]:
        """Return the points of the indicators by dimension, in the order of the scheme of now."""
        found = {
            dimension.id: math.fsum(p.points for p in self.parts if p.dimension == dimension.id)
            for dimension in self.after.basis.dimensions
        }
        gone = {p.dimension for p in self.parts if p.dimension is not None} - found.keys()
        return found | {
            name: math.fsum(p.points for p in self.parts if p.dimension == name)
            for name in sorted(gone)
        }


def score_change(
    before: Grade,
    told_before: Explanation,
    after: Grade,
    told_after: Explanation,
    bundle: Bundle | None,
    explainer: str | None = None,
) -> ScoreChange:
    """Account for the difference between two grades of a customer.

    Parameters
    ----------
    bundle
        The one at hand; needed only where ``after`` was graded by another than ``before``.
    explainer
        That of the run of ``after``.
    """
    if before.basis.bundle_digest == after.basis.bundle_digest:
        return _account("same_model", before, after, told_before, told_after)
    again = _graded_again(before, after, bundle, explainer)
    if again is None:
        return _account("side_by_side", before, after, told_before, told_after)
    middle, told_middle = again
    model = ChangePart("model", None, None, None, None, before.score, middle.score)
    return _account("graded_again", before, after, told_middle, told_after, model)


def _graded_again(
    before: Grade, after: Grade, bundle: Bundle | None, explainer: str | None
) -> tuple[Grade, Explanation] | None:
    """Return the grade of the figures of then by what is in force now; None where it cannot be."""
    if bundle is None or bundle.digest != after.basis.bundle_digest:
        return None
    # What was not measured then is unknown; its points come with its first value.
    row = [before.indicators.get(name) for name in bundle.columns]
    values = np.array([row], dtype=np.float64)
    try:
        graded = grade(bundle, values, [before.customer_id], after.basis, explainer)
    except UngradableError:
        return None
    return graded.grades[0], graded.explanations.of(0, graded.grades[0])


def _account(
    how: How,
    before: Grade,
    after: Grade,
    told_before: Explanation,
    told_after: Explanation,
    *more: ChangePart,
) -> ScoreChange:
    base = ChangePart("base", None, None, None, None, told_before.base, told_after.base)
    parts = (*more, base, *_indicators(before, after, told_before, told_after))
    largest = sorted(parts, key=lambda part: -abs(part.points))
    return ScoreChange(before, after, how, tuple(part for part in largest if part.points != 0.0))


def _indicators(
    before: Grade, after: Grade, told_before: Explanation, told_after: Explanation
) -> Iterator[ChangePart]:
    then, now = _by_place(told_before.entries), _by_place(told_after.entries)
    for place in dict.fromkeys((*now, *then)):
        indicator, dimension = place
        yield ChangePart(
            kind="indicator",
            indicator=indicator,
            dimension=dimension,
            value_before=before.value(indicator),
            value_after=after.value(indicator),
            before=then.get(place, 0.0),
            after=now.get(place, 0.0),
        )


def _by_place(entries: tuple[Contribution, ...]) -> Mapping[tuple[str, str], float]:
    """Return the points of each indicator in each dimension, over its channels."""
    parts: dict[tuple[str, str], list[float]] = {}
    for entry in entries:
        parts.setdefault((entry.indicator, entry.dimension), []).append(entry.contribution)
    return {place: math.fsum(points) for place, points in parts.items()}
