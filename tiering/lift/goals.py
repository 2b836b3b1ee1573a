"""What a better tier asks of a customer: points to gain, values to reach, or both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from tiering.condition import Condition, parse_condition
from tiering.lift.options import Option
from tiering.matrix import table_of
from tiering.policy import Axis, Scheme
from tiering.sheet import DECIMALS


@dataclass(frozen=True, slots=True)
class Need:
    """Points to gain in the score, or in one dimension (its position)."""

    points: float
    dimension: int | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """One way to a better tier.

    Attributes
    ----------
    least
        Position of an option to the smallest of its levels that will do.
    needs
        Points to gain besides; of several dimensions, or of the score alone.
    blocked
        Indicators that would have to change and cannot; then the goal is out of reach.
    """

    least: Mapping[int, int]
    needs: tuple[Need, ...]
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a customer stands.

    Attributes
    ----------
    values
        Value of each indicator of the scheme, NaN where unknown.
    dimension_score
        ``(d,)`` in the order of the scheme, NaN where unknown.
    """

    tier: int
    score: float
    dimension_score: FloatArray
    values: Mapping[str, float]


def goals_of(scheme: Scheme, standing: Standing, options: Sequence[Option]) -> list[Goal]:
    """Return all ways to a tier better than the present one, which is not the best."""
    if scheme.axes is not None:
        return list(_cells(scheme, scheme.axes, standing))
    by_score = _score(scheme, standing)
    if scheme.decider == "score":
        return [by_score]
    by_rules = list(_rules(scheme, standing, options))
    if scheme.combine is None:
        return by_rules
    if scheme.combine == "higher":
        return [by_score, *by_rules]
    return [Goal(rule.least, by_score.needs, rule.blocked) for rule in by_rules]


def _score(scheme: Scheme, standing: Standing) -> Goal:
    missing = (scheme.tiers[standing.tier - 1].cut or 0.0) - standing.score
    return Goal({}, (Need(missing),) if missing > 0 else ())


def _rules(scheme: Scheme, standing: Standing, options: Sequence[Option]) -> Iterator[Goal]:
    place = {option.action.indicator: i for i, option in enumerate(options)}
    for tier in scheme.tiers[: standing.tier]:
        for every in tier.when or ():
            least: dict[int, int] = {}
            blocked = []
            for condition in map(parse_condition, every):
                now = np.array([standing.values[condition.indicator]])
                if condition.holds(now, 1)[0]:
                    continue
                level = _first(condition, options, place)
                if level is None:
                    blocked.append(condition.indicator)
                else:
                    at = place[condition.indicator]
                    least[at] = max(level, least.get(at, 0))
            yield Goal(least, (), tuple(blocked))


def _first(condition: Condition, options: Sequence[Option], place: Mapping[str, int]) -> int | None:
    if condition.indicator not in place:
        return None
    targets = options[place[condition.indicator]].targets
    holds = np.flatnonzero(condition.holds(targets, targets.size))
    return int(holds[0]) if holds.size else None


def _cells(scheme: Scheme, axes: Sequence[Axis], standing: Standing) -> Iterator[Goal]:
    ids = [dimension.id for dimension in scheme.dimensions]
    for cell, tier in np.ndenumerate(table_of(scheme.tiers, axes)):
        if tier >= standing.tier:
            continue
        needs, blocked = [], []
        for at, axis in zip(cell, axes, strict=True):
            dimension = ids.index(axis.dimension)
            score = round(float(standing.dimension_score[dimension]), DECIMALS)
            if score >= axis.levels[at].cut:
                continue
            if np.isnan(score):
                if at < len(axis.levels) - 1:
                    blocked.append(axis.dimension)
            else:
                needs.append(Need(axis.levels[at].cut - score, dimension))
        yield Goal({}, tuple(needs), tuple(blocked))
