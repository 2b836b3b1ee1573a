"""Tiers by rule: the best tier whose conditions hold (requirements #42, #44).

Tiers are tried from best to worst and the last takes all the rest, so every customer has one
(X8). A rule asks only for values from a limit on in the good direction, so a better value
never costs a tier; both are held by ``tiering/validate.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.schema import Direction, FloatArray, describe
from tiering.condition import Condition, parse_condition
from tiering.normalize import points
from tiering.placement import Placement
from tiering.policy import IndicatorWeight, Scheme, Tier
from tiering.scores import Reference


def place_by_rules(
    scheme: Scheme, reference: Reference, values: Mapping[str, FloatArray], n: int
) -> Placement:
    """Place customers by the rules of a scheme.

    Distances are in points of the indicator asked for: to reach a tier the farthest of its
    conditions must be reached, to lose it the nearest is enough.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values, NaN where unknown.
    """
    weighed = {i.name: i for d in scheme.dimensions for i in d.indicators}
    tier = np.full(n, len(scheme.tiers) - 1, dtype=np.intp)
    best = tier.copy()
    up, down = np.full(n, np.nan), np.full(n, np.nan)
    # From worst to best: a better tier that holds overwrites what was found before it.
    for index in range(len(scheme.tiers) - 2, -1, -1):
        holds, could, need, slack = _rule(scheme.tiers[index], weighed, reference, values, n)
        up = np.where(holds, np.nan, np.fmin(up, need))
        down = np.where(holds, slack, down)
        tier[holds], best[could] = index, index
    return Placement(tier, best, up, down)


def _rule(
    tier: Tier,
    weighed: Mapping[str, IndicatorWeight],
    reference: Reference,
    values: Mapping[str, FloatArray],
    n: int,
) -> tuple[np.ndarray, np.ndarray, FloatArray, FloatArray]:
    """Return where a rule holds, where it could, and how far it is from doing so or not."""
    holds, could = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    need, slack = np.full(n, np.nan), np.full(n, np.nan)
    for every in tier.when or ():
        all_hold, all_could = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
        farthest, nearest = np.zeros(n), np.full(n, np.inf)
        for condition in map(parse_condition, every):
            column = values[condition.indicator]
            met = condition.holds(column, n)
            all_hold &= met
            all_could &= met | np.isnan(column)
            gap = _gap(condition, weighed[condition.indicator], reference, column)
            # `maximum` keeps NaN: with one of its conditions unknown, so is the distance.
            farthest = np.maximum(farthest, np.where(met, 0.0, np.maximum(gap, 0.0)))
            nearest = np.minimum(nearest, np.maximum(-gap, 0.0))
        need = np.fmin(need, farthest)
        slack = np.fmax(slack, np.where(all_hold, nearest, np.nan))
        holds |= all_hold
        could |= all_could
    return holds, could, need, slack


def _gap(
    condition: Condition, indicator: IndicatorWeight, reference: Reference, column: FloatArray
) -> FloatArray:
    """Return the points from each value to the limit, above 0 where it is not reached."""
    limit = points(reference, indicator, np.array([condition.limit]))
    gap = limit - points(reference, indicator, column)
    # Of a neutral indicator a rule may ask for low values, though its points rise with them.
    neutral = describe(indicator.name).direction is Direction.NEUTRAL
    return -gap if neutral and condition.sign == "<" else gap
