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


@dataclass(frozen=True, slots=True)
class OfDimension:
    """The indicators of one dimension, in the order of their first entries in a layout."""

    id: str
    indicators: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What a layout says of every explanation of its run, told once instead of each time.

    Attributes
    ----------
    layout
        ``(m,)`` entries.
    indicators, weighed
        ``(p,)`` by :func:`indicators_of`, and ``(k,)`` by :func:`weighed_of`.
    indicator_at, weighed_at
        ``(m,)`` where the indicator of each entry, and what the scheme weighs there, stand in them.
    channels
        ``(p,)`` channels of each indicator in the order of their first entries, each with the
        places of its entries.
    dimensions
        In the order of their first entries.
    sum_at
        ``(m,)`` the place of each entry's indicator among the indicators of all dimensions.
    """

    layout: tuple[LayoutEntry, ...]
    indicators: tuple[str, ...]
    weighed: tuple[str, ...]
    indicator_at: tuple[int, ...]
    weighed_at: tuple[int, ...]
    channels: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
    dimensions: tuple[OfDimension, ...]
    sum_at: tuple[int, ...]

    @classmethod
    def of(cls, layout: Sequence[LayoutEntry]) -> Shape:
        """Make the shape of a layout; :func:`shape_of` keeps those in use."""
        indicators, weighed = indicators_of(layout), weighed_of(layout)
        indicator_at = {name: at for at, name in enumerate(indicators)}
        weighed_at = {name: at for at, name in enumerate(weighed)}
        channels: list[dict[str, list[int]]] = [{} for _ in indicators]
        dimensions: dict[str, dict[str, None]] = {}
        for place, entry in enumerate(layout):
            of_one = channels[indicator_at[entry.indicator]]
            of_one.setdefault(entry.channel, []).append(place)
            dimensions.setdefault(entry.dimension, {})[entry.indicator] = None
        told = ((dimension, name) for dimension, names in dimensions.items() for name in names)
        sum_at = {key: at for at, key in enumerate(told)}
        return cls(
            layout=tuple(layout),
            indicators=indicators,
            weighed=weighed,
            indicator_at=tuple(indicator_at[entry.indicator] for entry in layout),
            weighed_at=tuple(weighed_at[entry.weighed] for entry in layout),
            channels=tuple(
                tuple((channel, tuple(places)) for channel, places in of_one.items())
                for of_one in channels
            ),
            dimensions=tuple(OfDimension(key, tuple(names)) for key, names in dimensions.items()),
            sum_at=tuple(sum_at[entry.dimension, entry.indicator] for entry in layout),
        )


_SHAPES: dict[int, Shape] = {}
_MOST = 8
"""Shapes kept: more runs than are told of at a time."""


def shape_of(layout: tuple[LayoutEntry, ...]) -> Shape:
    """Return the shape of a layout; of one used before, the same.

    A shape holds its layout, so the number it is kept by is given to no other meanwhile.
    """
    found = _SHAPES.get(id(layout))
    if found is None or found.layout is not layout:
        found = Shape.of(layout)
        for old in list(_SHAPES)[: -(_MOST - 1)]:
            _SHAPES.pop(old, None)
        _SHAPES[id(found.layout)] = found
    return found


def values_of(grade: Grade, names: Sequence[str]) -> list[float | None]:
    """Return ``grade.value`` of many names."""
    known = {
        **grade.indicators,
        "ltv": grade.ltv,
        "churn_probability": grade.churn_probability,
    }
    return [known.get(name) for name in names]


def account(grade: Grade, evidence: Evidence, layout: tuple[LayoutEntry, ...]) -> Explanation:
    """Return the explanation that evidence stands for."""
    shape = shape_of(layout)
    values, ranks = values_of(grade, shape.indicators), evidence.percentiles
    points = [evidence.points[name] for name in shape.weighed]
    weights = [evidence.weights[name] for name in shape.weighed]
    entries = tuple(
        Contribution(
            indicator=entry.indicator,
            channel=entry.channel,
            dimension=entry.dimension,
            value=values[at],
            points=points[weighed],
            weight=weights[weighed],
            contribution=contribution,
            percentile=ranks[at],
        )
        for entry, at, weighed, contribution in zip(
            layout, shape.indicator_at, shape.weighed_at, evidence.contributions, strict=True
        )
    )
    return Explanation(base=evidence.base, score=grade.score, entries=entries)
