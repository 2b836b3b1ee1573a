"""From an indicator's own unit to points between 0 and 100."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from features.schema import Direction, FloatArray, describe
from tiering.policy import IndicatorWeight
from tiering.scores import Reference

_RANKS = np.arange(0.25, 100.0, 0.5)
"""Percentiles at which a population is looked at for its mean, percent."""


NO_DATA, RISING, FALLING, GIVEN = range(4)
"""How an indicator of one customer gets its points: it has none; by its percentile, the higher or
the lower the better; or in another way."""


def points(reference: Reference, indicator: IndicatorWeight, x: FloatArray) -> FloatArray:
    """Return points of one indicator, ``(n,)``, 0 to 100, 100 the good end.

    By percentile (the default): the mid-rank percentile in the reference population; ``100 -``
    that where lower is better; a neutral indicator counts like one where higher is better.
    By ``range``: min-max between its bounds (#45). By ``steps``: as written. By
    ``value_share``: the share of the population's total held up to this value (#51).
    Continuous and monotone in ``x``; flat outside the population's range or the bounds, so an
    absurd value earns no more than the best one seen (#7).

    NaN stays NaN, and an indicator the reference has no data for is NaN for everybody.

    Raises
    ------
    PopulationError
        If a value share is asked of a reference that has none for this indicator.
    """
    values = np.asarray(x, dtype=np.float64)
    if indicator.name not in reference:
        return np.full(values.shape, np.nan)
    if indicator.steps is not None:
        at, points_at = np.array(indicator.steps).T
        by_steps: FloatArray = np.interp(values, at, points_at)
        return by_steps
    if indicator.range is not None:
        low, high = indicator.range
        rising = 100.0 * np.clip((values - low) / (high - low), 0.0, 1.0)
    elif indicator.scale == "value_share":
        rising = reference.value_share(indicator.name, values)
    else:
        rising = reference.knots[indicator.name].at(values)
    return 100.0 - rising if _lower_is_better(indicator) else rising


def kind_of(reference: Reference, indicator: IndicatorWeight) -> int:
    """Return how an indicator of one customer gets its points."""
    if indicator.name not in reference:
        return NO_DATA
    if not indicator.by_percentile:
        return GIVEN
    return FALLING if _lower_is_better(indicator) else RISING


def _lower_is_better(indicator: IndicatorWeight) -> bool:
    return describe(indicator.name).direction is Direction.LOWER_IS_BETTER


def points_of_one(reference: Reference, indicator: IndicatorWeight) -> Callable[[float], float]:
    """Return what gives :func:`points` of one value, to the same bits."""
    if indicator.name not in reference:
        return lambda x: math.nan
    if not indicator.by_percentile:
        return lambda x: float(points(reference, indicator, np.array([x]))[0])
    at = reference.knots[indicator.name].at_one
    if _lower_is_better(indicator):
        return lambda x: 100.0 - at(x)
    return at


def typical_points(reference: Reference, indicator: IndicatorWeight) -> float:
    """Return the mean points over the reference population, 0 to 100: explanations start there.

    NaN when the population has no data for the indicator.
    """
    name = indicator.name
    if name not in reference:
        return float("nan")
    if indicator.by_percentile:
        return reference.mean_points(name)
    knots = reference.knots[name]
    return float(points(reference, indicator, np.interp(_RANKS, knots.percentile, knots.x)).mean())
