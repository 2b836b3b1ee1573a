"""The terms of a regression are added up for one customer as numpy adds them."""

from __future__ import annotations

import numpy as np

from training.models.alone_loops import MOST_TERMS, added


def test_sums_are_those_of_numpy() -> None:
    rng = np.random.default_rng(5)
    for count in (*range(1, 40), 127, 128, 129, 135, 136, 216, 239, MOST_TERMS):
        for _ in range(5):
            terms = rng.standard_normal(count) * np.exp(rng.normal(0.0, 5.0, count))
            assert added(terms) == np.add.reduce(terms)
