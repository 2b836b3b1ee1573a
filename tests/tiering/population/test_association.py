"""What a lagging KPI goes along with (#108)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from tiering.population.association import associate


def test_the_planted_factor_comes_first() -> None:
    rng = np.random.default_rng(0)
    response = rng.gamma(2, 1, 400)  # days to the first response
    growth = -0.3 * response + rng.normal(0, 0.5, 400)
    found = associate(growth, {"luck": rng.normal(size=400), "response": response})
    assert [each.factor for each in found] == ["response", "luck"]
    assert found[0].upper < 0
    assert found[0].q_value < 1e-6
    assert found[1].lower < 0 < found[1].upper
    known = spearmanr(growth, response)
    assert found[0].rank_correlation == pytest.approx(known.statistic)
    assert associate(growth, {"response": response})[0].q_value == pytest.approx(known.pvalue)


def test_what_tells_nothing_is_left_out() -> None:
    growth = np.arange(50.0)
    few = np.where(growth < 29, growth, np.nan)
    assert associate(growth, {"few": few, "same": np.ones(50)}) == ()
    (perfect,) = associate(growth, {"itself": -growth})
    assert (perfect.rank_correlation, perfect.lower, perfect.upper) == (-1.0, -1.0, -1.0)


def test_the_interval_covers() -> None:
    # Spearman's of a normal pair with correlation r is 6 / pi · asin(r / 2).
    rng = np.random.default_rng(1)
    truth, inside = 6 / np.pi * np.arcsin(0.25), []
    for _ in range(600):
        x = rng.normal(size=120)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=120)
        (found,) = associate(y, {"x": x})
        inside.append(found.lower <= truth <= found.upper)
    assert 0.92 <= np.mean(inside) <= 0.98


@given(st.integers(0, 2**32 - 1))
def test_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 9, (2, 60)).astype(float)
    order = rng.permutation(60)
    (found,) = associate(y, {"x": x})
    (again,) = associate(y[order], {"x": x[order]})
    assert again.rank_correlation == pytest.approx(found.rank_correlation, abs=1e-12)
    assert -1 <= found.lower <= found.rank_correlation <= found.upper <= 1
