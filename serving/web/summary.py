"""What the portfolio page says about all customers of a run, counted once per run.

A finished run never changes, so its summary may be kept as long as the run is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from serving.store.portfolio import Population

SCORE_STEP = 2.5
"""Width of a histogram bin in score points; 40 bins cover 0 to 100."""

CHURN_EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Bands of churn probability, each ``[lower, upper)``, the last one closed."""

SAMPLE_SIZE = 600
"""Customers drawn in the scatter: more would only cover each other."""


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """Customers whose score lies in ``[lower, upper)``, by tier (best first)."""

    lower: float
    upper: float
    customers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChurnBand:
    """Customers whose churn probability lies in ``[lower, upper)`` and their summed LTV."""

    lower: float
    upper: float
    customers: int
    ltv: float


@dataclass(frozen=True, slots=True)
class StageCount:
    """Customers in a lifecycle stage, their summed LTV and mean churn probability."""

    stage: str
    customers: int
    ltv: float
    churn_mean: float | None


@dataclass(frozen=True, slots=True)
class Sampled:
    """One customer of the scatter."""

    customer_id: str
    tier_index: int
    churn_probability: float
    ltv: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and medians over a run's customers.

    Attributes
    ----------
    scores
        ``(n,)`` all scores, ascending; what ranks are read from.
    score_median, churn_mean
        None when there is no customer.
    dimension_medians
        By dimension id; None when no customer has data for it.
    stages
        Stages that have customers, by id.
    """

    scores: FloatArray
    score_median: float | None
    churn_mean: float | None
    dimension_medians: Mapping[str, float | None]
    score_bands: tuple[ScoreBand, ...]
    churn_bands: tuple[ChurnBand, ...]
    sample: tuple[Sampled, ...]
    stages: Mapping[str, StageCount]

    def rank(self, score: float) -> int:
        """Return the place of a score among all, 1 for the best; equals share a place."""
        return len(self.scores) - int(np.searchsorted(self.scores, score, side="right")) + 1


def summarise(population: Population, n_tiers: int) -> Summary:
    """Count a run's customers."""
    return Summary(
        scores=np.sort(population.score),
        score_median=_median(population.score),
        churn_mean=_mean(population.churn_probability),
        dimension_medians={
            name: _median(scores) for name, scores in population.dimension_scores.items()
        },
        score_bands=_score_bands(population, n_tiers),
        churn_bands=_churn_bands(population),
        sample=_sample(population),
        stages={
            stage: _stage_count(population, stage)
            for stage in np.unique(population.stage).tolist()
            if stage
        },
    )


def _known(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _median(values: FloatArray) -> float | None:
    values = _known(values)
    return float(np.median(values)) if len(values) else None


def _mean(values: FloatArray) -> float | None:
    values = _known(values)
    return float(values.mean()) if len(values) else None


def _score_bands(population: Population, n_tiers: int) -> tuple[ScoreBand, ...]:
    edges = np.arange(0.0, 100.0 + SCORE_STEP, SCORE_STEP)
    counts = [
        np.histogram(population.score[population.tier_index == tier], bins=edges)[0]
        for tier in range(n_tiers)
    ]
    return tuple(
        ScoreBand(
            lower=float(edges[band]),
            upper=float(edges[band + 1]),
            customers=tuple(int(count[band]) for count in counts),
        )
        for band in range(len(edges) - 1)
    )


def _churn_bands(population: Population) -> tuple[ChurnBand, ...]:
    edges = np.array(CHURN_EDGES)
    churn = population.churn_probability
    known = np.isfinite(churn)
    ltv = np.nan_to_num(population.ltv)
    customers = np.histogram(churn[known], bins=edges)[0]
    value = np.histogram(churn[known], bins=edges, weights=ltv[known])[0]
    return tuple(
        ChurnBand(float(edges[i]), float(edges[i + 1]), int(customers[i]), float(value[i]))
        for i in range(len(edges) - 1)
    )


def _stage_count(population: Population, stage: str) -> StageCount:
    own = population.stage == stage
    return StageCount(
        stage=stage,
        customers=int(own.sum()),
        ltv=float(np.nansum(population.ltv[own])),
        churn_mean=_mean(population.churn_probability[own]),
    )


def _sample(population: Population) -> tuple[Sampled, ...]:
    drawable = np.flatnonzero(np.isfinite(population.churn_probability) & (population.ltv > 0))
    if len(drawable) > SAMPLE_SIZE:
        # The rows are in order of score: an even step takes all scores alike, the same each time.
        drawable = drawable[np.linspace(0, len(drawable) - 1, SAMPLE_SIZE).astype(np.int64)]
    return tuple(
        Sampled(
            customer_id=population.customer_id[row],
            tier_index=int(population.tier_index[row]),
            churn_probability=float(population.churn_probability[row]),
            ltv=float(population.ltv[row]),
        )
        for row in drawable.tolist()
    )
