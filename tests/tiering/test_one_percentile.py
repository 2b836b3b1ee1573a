"""One customer's percentile is that of the same customer among many, to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiering.scores import Reference


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
