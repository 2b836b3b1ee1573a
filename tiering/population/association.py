"""What a lagging KPI goes along with (requirement #108): satisfaction, resources, response speed.

An association of customers' changes with what they met before is a lead to follow, no cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as t_distribution

from features.schema import FloatArray
from tiering.population.drift import false_discovery
from tiering.population.intervals import LEVEL, normal_quantile

MIN_CUSTOMERS = 30
"""Customers of whom both are known below which nothing is told."""


@dataclass(frozen=True, slots=True)
class Association:
    """How the ranks of a factor and of an outcome go together.

    Attributes
    ----------
    rank_correlation, lower, upper
        Spearman's, -1 to 1, with its interval.
    q_value
        Chance of so strong a one without any, corrected for the number of factors.
    n
        Customers of whom both are known.
    """

    factor: str
    rank_correlation: float
    lower: float
    upper: float
    q_value: float
    n: int


def associate(
    outcome: FloatArray, factors: Mapping[str, FloatArray], level: float = LEVEL
) -> tuple[Association, ...]:
    """Rank factors by how strongly an outcome goes along with them, the strongest first.

    Factors that are the same for all, or known of fewer than :data:`MIN_CUSTOMERS`, are left out.
    The interval is Bonett and Wright's (Psychometrika 2000).

    Parameters
    ----------
    outcome
        ``(n,)``, NaN where unknown.
    factors
        Name to ``(n,)`` values of the same customers.
    """
    found = [
        each
        for name, values in factors.items()
        if (each := _associate(name, outcome, values, level)) is not None
    ]
    corrected = false_discovery(np.array([each.q_value for each in found]))
    told = [replace(each, q_value=float(q)) for each, q in zip(found, corrected, strict=True)]
    return tuple(sorted(told, key=lambda each: -abs(each.rank_correlation)))


def _associate(
    name: str, outcome: FloatArray, values: FloatArray, level: float
) -> Association | None:
    known = ~np.isnan(outcome) & ~np.isnan(values)
    n = int(known.sum())
    if n < MIN_CUSTOMERS:
        return None
    ranks = [rankdata(column[known]) for column in (outcome, values)]
    if min(float(rank.std()) for rank in ranks) == 0:
        return None
    rho = round(float(np.corrcoef(*ranks)[0, 1]), 12)  # floating point misses 1 by a bit
    p_value = 0.0
    lower = upper = rho
    if abs(rho) < 1:
        p_value = float(2 * t_distribution.sf(abs(rho) * math.sqrt((n - 2) / (1 - rho**2)), n - 2))
        reach = normal_quantile(level) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        lower, upper = (math.tanh(math.atanh(rho) + way * reach) for way in (-1, 1))
    return Association(name, rho, lower, upper, p_value, n)
