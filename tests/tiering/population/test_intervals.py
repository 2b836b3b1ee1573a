from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.population.intervals import ratio_of_means, wilson


def test_wilson_by_hand() -> None:
    # z = 1.959964: (0.2 + z²/20 ± z·sqrt(0.016 + z²/400)) / (1 + z²/10), Newcombe (1998).
    lower, upper = wilson(2, 10)
    assert lower == pytest.approx(0.0566822, abs=1e-6)
    assert upper == pytest.approx(0.5098375, abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share_and_mirrors(n: int, share: float) -> None:
    hits = round(share * n)
    lower, upper = wilson(hits, n)
    assert 0 <= lower <= hits / n <= upper <= 1
    mirrored = wilson(n - hits, n)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((lower, upper), abs=1e-12)


def test_wilson_covers_in_95_of_100_samples() -> None:
    hits = np.random.default_rng(0).binomial(60, 0.1, size=4000)
    inside = [wilson(int(k), 60)[0] <= 0.1 <= wilson(int(k), 60)[1] for k in hits]
    assert 0.93 <= np.mean(inside) <= 0.97


def test_a_mean_is_a_ratio_to_ones() -> None:
    values = np.array([1.0, 2.0, 3.0, 6.0])
    value, lower, upper = ratio_of_means(values, np.ones(4))
    half = 1.959964 * values.std(ddof=1) / 2
    assert (value, lower, upper) == pytest.approx((3.0, 3 - half, 3 + half), abs=1e-5)


def test_a_ratio_covers_in_95_of_100_samples() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(1500):
        whole = rng.gamma(2.0, 1.0, 200)
        _, lower, upper = ratio_of_means(0.3 * whole + rng.normal(0, 0.5, 200), whole)
        inside.append(lower <= 0.3 <= upper)
    assert 0.93 <= np.mean(inside) <= 0.97


def test_a_ratio_that_cannot_be_told() -> None:
    assert all(map(math.isnan, ratio_of_means(np.empty(0), np.empty(0))))
    assert all(map(math.isnan, ratio_of_means(np.ones(2), np.array([1.0, -1.0]))))
    value, lower, upper = ratio_of_means(np.array([3.0]), np.array([2.0]))
    assert value == 1.5
    assert math.isnan(lower)
    assert math.isnan(upper)
