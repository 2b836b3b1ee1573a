from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.attribution.local_polynomial import covariance, fit_local, triangular, variance
from training.errors import FitError


def test_a_line_by_hand() -> None:
    # Weights 1 - x / 4 at 0, 1, 2, 3: 1, .75, .5, .25; y of the line through weighted means.
    x, y = np.arange(4.0), np.array([1.0, 2.0, 2.0, 5.0])
    w = np.array([1, 0.75, 0.5, 0.25])
    mean_x, mean_y = (w @ x) / w.sum(), (w @ y) / w.sum()
    slope = (w @ ((x - mean_x) * (y - mean_y))) / (w @ (x - mean_x) ** 2)
    level, found = fit_local(x, 4.0, 1).coefficients(y)
    assert found == pytest.approx(slope)
    assert level == pytest.approx(mean_y - slope * mean_x)


@given(st.integers(0, 3), st.floats(0.3, 20), st.booleans())
def test_a_polynomial_is_found_as_it_is(order: int, bandwidth: float, left: bool) -> None:
    x = np.linspace(0, 25, 120) * (-1 if left else 1)
    x = np.concatenate([x, x / 30])
    beta = np.array([3.0, -1.0, 0.5, 0.1])[: order + 1]
    y = np.vander(x, order + 1, increasing=True) @ beta
    fit = fit_local(x, bandwidth, order)
    assert fit.coefficients(y) == pytest.approx(beta, rel=1e-4, abs=1e-5)
    assert fit.weights[0].sum() == pytest.approx(1)
    assert (fit.weights[:, np.abs(x) >= bandwidth] == 0).all()
    assert 0 <= fit.leverage.min() <= fit.leverage.max() <= 1


def test_it_is_the_weighted_least_squares_of_numpy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 2, 60), rng.normal(size=60)
    weight = np.sqrt(triangular(x / 1.5))
    design = np.vander(x, 3, increasing=True)
    beta, *_ = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)
    fit = fit_local(x, 1.5, 2)
    assert fit.coefficients(y) == pytest.approx(beta)
    hat = design @ fit.weights
    assert fit.leverage == pytest.approx(np.diag(hat))
    enlarged = (y - design @ beta) / (1 - np.diag(hat))
    assert fit.residuals(y) == pytest.approx(enlarged)


def test_too_few_scores_are_refused() -> None:
    with pytest.raises(FitError, match="Only 2 different scores"):
        fit_local(np.array([0.0, 0.5, 0.5, 3.0]), 1.0, 1)


def test_a_cluster_counts_once() -> None:
    influence = np.array([1.0, 1.0, -2.0, 3.0])
    groups = np.array([0, 0, 1, 2])
    # Sums 2, -2, 3 and three clusters: (4 + 4 + 9) · 3 / 2.
    assert variance(influence, groups) == pytest.approx(17 * 1.5)
    assert covariance(influence, np.ones(4), groups) == pytest.approx((4 - 2 + 3) * 1.5)
    assert variance(np.zeros(4), groups) == 0
