"""Experts' weights and the data's, blended by how sure each is (#39).

Both are estimates of the same weights, each with a standard error of its own, and they may
differ by more than these errors allow: experts share habits of thought, and a regression sees no
value beyond its horizon. That excess is estimated and added to both (random effects: DerSimonian
and Laird, Controlled Clinical Trials 7, 1986), and the blend weighs each by the inverse of its
variance. So what is surer counts more while the two agree, and the further they are apart, the
nearer the blend comes to the middle and the wider its intervals get.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, norm

from features.schema import FloatArray
from tiering.errors import Fault, WeightsError
from tiering.weights.rules import BlendRules
from tiering.weights.simplex import raise_to_floor

_LEAST_VARIANCE = 1e-8
"""Nobody is sure of a weight beyond the fourth digit, not even a unanimous panel."""

_LEAST_CONCENTRATION = 1.0


@dataclass(frozen=True, slots=True)
class Share:
    """One dimension's weight, share of 1.

    Attributes
    ----------
    expert, data, weight
        By the panel, by the regression (NaN if it found nothing), and blended.
    low, high
        Interval of ``weight``.
    raised
        Whether the floor lifted it.
    """

    dimension: str
    expert: float
    data: float
    weight: float
    low: float
    high: float
    raised: bool


@dataclass(frozen=True, slots=True)
class Blend:
    """Blended weights and how they came about.

    Attributes
    ----------
    data_share
        Share of the data in the blend, 0 to 1; the rest is the experts'.
    expert_variance, data_variance
        Squared standard errors of both, summed over the dimensions.
    excess
        Variance by which either is off beyond its own error, summed likewise.
    concentration
        Of the Dirichlet distribution the intervals are from.
    """

    shares: tuple[Share, ...]
    data_share: float
    expert_variance: float
    data_variance: float
    excess: float
    concentration: float

    @property
    def weights(self) -> dict[str, float]:
        """Dimension to blended weight, summing to 1."""
        return {share.dimension: share.weight for share in self.shares}


@dataclass(frozen=True, slots=True)
class FittedWeight:
    """One dimension's weight by regression; the names of the backtest report's ``weights``.

    ``data``, ``low`` and ``high`` are shares of 1, or all NaN where the scores explain nothing.
    """

    dimension: str
    data: float
    low: float
    high: float


def blend(
    expert: Mapping[str, float],
    expert_variance: float,
    fitted: tuple[FittedWeight, ...],
    rules: BlendRules,
) -> Blend:
    """Return the blend of a panel's weights with those of a regression.

    With e and x the two sets of weights, V their variances summed over the dimensions, and
    ``T = max(0, (|e - x|² - V_e - V_x) / 2)``, the data's share is
    ``(V_e + T) / (V_e + V_x + 2 T)``. Intervals are those of the Dirichlet distribution with the
    blend as its mean and the pooled variance ``(V_e + T)(V_x + T) / (V_e + V_x + 2 T)`` as the
    sum of its own: between 0 and 1 also for small weights.

    Parameters
    ----------
    expert
        Dimension to weight, summing to 1.
    expert_variance
        Squared standard error of the panel's weights, summed over the dimensions.
    fitted
        The regression's weights with intervals of ``rules.level``.

    Raises
    ------
    WeightsError
        If the dimensions differ, weights do not sum to 1, or there is no room above the floor.
    """
    _check(expert, expert_variance, fitted, rules)
    by_name = {row.dimension: row for row in fitted}
    names = tuple(expert)
    e = np.array([expert[name] for name in names])
    x, low, high = (
        np.array([getattr(by_name[name], key) for name in names]) for key in ("data", "low", "high")
    )
    v_e = max(expert_variance, _LEAST_VARIANCE)
    if np.isnan([x, low, high]).any():
        share, v_x, excess, mean, variance = 0.0, math.nan, 0.0, e, v_e
    else:
        z = float(norm.ppf(0.5 + rules.level / 2))
        v_x = max(float((((high - low) / (2 * z)) ** 2).sum()), _LEAST_VARIANCE)
        excess = max(0.0, (float(((e - x) ** 2).sum()) - v_e - v_x) / 2)
        both = v_e + v_x + 2 * excess
        share = (v_e + excess) / both
        variance = (v_e + excess) * (v_x + excess) / both
        mean = (1 - share) * e + share * x
    raised = raise_to_floor(mean / mean.sum(), rules.floor)
    concentration = max((1 - float((raised**2).sum())) / variance - 1, _LEAST_CONCENTRATION)
    bounds = _bounds(raised, concentration, rules.level)
    return Blend(
        shares=tuple(
            Share(
                dimension=name,
                expert=float(e[k]),
                data=float(x[k]),
                weight=float(raised[k]),
                low=float(bounds[0][k]),
                high=float(bounds[1][k]),
                raised=bool(mean[k] < rules.floor),
            )
            for k, name in enumerate(names)
        ),
        data_share=share,
        expert_variance=v_e,
        data_variance=v_x,
        excess=excess,
        concentration=concentration,
    )


def assumed_variance(n: int, rules: BlendRules) -> float:
    """Return the variance to take where weights come from a scheme and nobody was asked."""
    return n * rules.assumed_spread**2


def _bounds(mean: FloatArray, concentration: float, level: float) -> tuple[FloatArray, FloatArray]:
    a, b = concentration * mean, concentration * (1 - mean)
    low, high = (np.asarray(beta.ppf(p, a, b)) for p in (0.5 - level / 2, 0.5 + level / 2))
    # Of a very skewed distribution the mean may lie outside its own quantiles.
    return np.minimum(low, mean), np.maximum(high, mean)


def _check(
    expert: Mapping[str, float],
    variance: float,
    fitted: tuple[FittedWeight, ...],
    rules: BlendRules,
) -> None:
    faults = []
    if sorted(expert) != sorted(row.dimension for row in fitted):
        theirs = ", ".join(row.dimension for row in fitted)
        faults.append(
            Fault("dimensions", f"of the experts are {', '.join(expert)}; of the data {theirs}.")
        )
    if not all(weight >= 0 for weight in expert.values()) or not _is_one(expert.values()):
        faults.append(Fault("expert", "weights must be 0 or more and sum to 1."))
    if not variance >= 0:
        faults.append(Fault("expert_variance", "must be 0 or more."))
    if rules.floor * len(expert) > 1:
        faults.append(Fault("floor", f"{rules.floor:g} is too high for {len(expert)} dimensions."))
    found = [row.data for row in fitted]
    if not any(map(math.isnan, found)) and (min(found, default=0) < 0 or not _is_one(found)):
        faults.append(Fault("data", "weights must be 0 or more and sum to 1."))
    faults += [
        Fault(f"data.{row.dimension}", "has an interval whose low end is above its high end.")
        for row in fitted
        if row.low > row.high
    ]
    if faults:
        raise WeightsError(
            f"These weights cannot be blended; {len(faults)} fault"
            f"{'s' if len(faults) > 1 else ''}:",
            hint="The panel must have weighed the dimensions that the backtest report holds.",
            faults=faults,
        )


def _is_one(weights: Iterable[float]) -> bool:
    return abs(math.fsum(weights) - 1) < 1e-6
