"""The numbers of one explanation as they are kept, and how they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.schema import FloatArray
from serving.domain.grade import Contribution, Explanation, Grade, LayoutEntry


@dataclass(frozen=True, slots=True)
class Evidence:
    """An explanation without what its run's layout and its grade know already.

    Attributes
    ----------
    contributions
        ``(m,)`` in layout order.
    points, weights
        By the name of what the scheme weighs (an indicator or a prediction).
    percentiles
        One per indicator of the layout, in the order of its first entry.
    """

    base: float
    contributions: Sequence[float]
    points: Mapping[str, float | None]
    weights: Mapping[str, float]
    percentiles: Sequence[float | None]


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceTable:
    """The evidence of ``n`` grades, ``m`` entries each, over ``k`` weighed things.

    Attributes
    ----------
    base
        ``(n,)``.
    contributions
        ``(n, m)`` in layout order.
    points, weights
        ``(n, k)`` in the order of :func:`weighed_of`; points NaN where unknown.
    percentiles
        ``(n, p)`` in the order of :func:`indicators_of`, NaN where unknown.
    """

    base: FloatArray
    contributions: FloatArray
    points: FloatArray
    weights: FloatArray
    percentiles: FloatArray


def weighed_of(layout: Sequence[LayoutEntry]) -> tuple[str, ...]:
    """Return what the scheme weighs in a layout, in the order of the first entries."""
    return tuple(dict.fromkeys(entry.weighed for entry in layout))


def indicators_of(layout: Sequence[LayoutEntry]) -> tuple[str, ...]:
    """Return the distinct indicators of a layout, in the order of their first entries."""
    return tuple(dict.fromkeys(entry.indicator for entry in layout))


def account(grade: Grade, evidence: Evidence, layout: Sequence[LayoutEntry]) -> Explanation:
    """Return the explanation that evidence stands for."""
    percentiles = dict(zip(indicators_of(layout), evidence.percentiles, strict=True))
    values = {name: grade.value(name) for name in percentiles}
    points, weights = evidence.points, evidence.weights
    entries = []
    for entry, contribution in zip(layout, evidence.contributions, strict=True):
        name, weighed = entry.indicator, entry.weighed
        entries.append(
            Contribution(
                indicator=name,
                channel=entry.channel,
                dimension=entry.dimension,
                value=values[name],
                points=points[weighed],
                weight=weights[weighed],
                contribution=contribution,
                percentile=percentiles[name],
            )
        )
    return Explanation(base=evidence.base, score=grade.score, entries=tuple(entries))
