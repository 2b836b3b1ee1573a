"""One customer's percentile is that of the same customer among many, to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.scores import Knots, Reference
from tiering.sheet_loops import rank_of


@settings(deadline=None)  # the first example may compile
@given(
    seed=st.integers(0, 999),
    distinct=st.integers(1, 300),
    more=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20),
)
def test_alone_and_among_others(seed: int, distinct: int, more: list[float]) -> None:
    rng = np.random.default_rng(seed)
    population = rng.choice(rng.normal(size=distinct).round(2), 500)
    knots = Reference.fit({"net_amount_30d": population}).knots["net_amount_30d"]
    asked = np.array([*population[:50], *rng.normal(size=50), *more, np.nan, np.inf, -np.inf])
    alone = np.concatenate([knots.at(asked[row : row + 1]) for row in range(len(asked))])
    np.testing.assert_array_equal(alone.view(np.int64), knots.at(asked).view(np.int64))
    compiled = np.array([rank_of(value, knots.x, knots.percentile) for value in asked])
    known = ~np.isnan(alone)  # what is unknown has many bits, of which machine code picks its own
    np.testing.assert_array_equal(known, ~np.isnan(compiled))
    np.testing.assert_array_equal(alone[known].view(np.int64), compiled[known].view(np.int64))


def test_a_value_that_everybody_shares_ranks_everyone_alike() -> None:
    knots = Knots(np.array([5.0]), np.array([50.0]), mean=5.0, n=3)
    asked = np.array([-1.0, 5.0, 9.0, np.nan])
    alone = [knots.at_one(value) for value in asked.tolist()]
    np.testing.assert_array_equal(alone, knots.at(asked))
    np.testing.assert_array_equal(alone, [rank_of(v, knots.x, knots.percentile) for v in asked])
    assert alone[:3] == [50.0] * 3
