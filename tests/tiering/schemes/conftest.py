"""A population in which everybody can be graded in the head.

Every indicator of a scheme takes the values 1, 3, ... 99 in fifty customers. Their mid-rank
percentiles are 1, 3, ... 99 too: between 1 and 99 a value is its own percentile, so it earns as
many points, or 100 less that where lower is better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.assign import Decisions, decide
from tiering.policy import Scheme
from tiering.scheme import load_scheme
from tiering.scores import Reference

RANKS = np.arange(1.0, 100.0, 2.0)


@dataclass(frozen=True)
class Graded:
    """What a shipped scheme says of customers."""

    scheme: Scheme
    decisions: Decisions

    @property
    def tiers(self) -> list[str]:
        return [self.scheme.tiers[index].id for index in self.decisions.tier]

    @property
    def segments(self) -> list[str]:
        assert self.scheme.segments is not None
        assert self.decisions.segment is not None
        return [self.scheme.segments.classes[index].id for index in self.decisions.segment]

    @property
    def scores(self) -> list[float]:
        return self.decisions.composite.score.tolist()

    def score_of(self, dimension: str) -> list[float]:
        column = self.decisions.composite.dimensions.index(dimension)
        return np.round(self.decisions.composite.dimension_score[:, column], 9).tolist()


Grade = Callable[..., Graded]


@pytest.fixture
def grade() -> Grade:
    """Grade customers by a scheme's name; an indicator that is not given is 50."""

    def graded(
        name: str,
        *customers: Mapping[str, float],
        population: Mapping[str, FloatArray] | None = None,
    ) -> Graded:
        scheme = load_scheme(name)
        reference = Reference.fit(dict.fromkeys(scheme.indicators, RANKS) | dict(population or {}))
        asked = {*scheme.indicators, *(key for customer in customers for key in customer)}
        values = {key: np.array([c.get(key, 50.0) for c in customers]) for key in asked}
        return Graded(scheme, decide(scheme, reference, values))

    return graded
