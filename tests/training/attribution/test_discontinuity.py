"""Regression discontinuity at our own cuts (#110): unbiased, and as sure as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import FloatArray
from training.attribution.bandwidth import Bandwidths, choose
from training.attribution.discontinuity import jump
from training.attribution.local_polynomial import fit_local
from training.errors import FitError


def sample(rng: np.random.Generator, effect: float, n: int = 600) -> tuple[FloatArray, FloatArray]:
    """Scores within 15 points of the cut; spend rises with the score, not in a line."""
    x = rng.normal(-3, 8, n)
    return x, 50 + x + 0.05 * x**2 + effect * (x >= 0) + rng.normal(0, 10, n)


@given(st.floats(-50, 50), st.floats(-3, 3), st.floats(-0.5, 0.5))
@settings(max_examples=25, deadline=None)
def test_without_noise_the_jump_is_exact(effect: float, slope: float, bend: float) -> None:
    x = np.linspace(-10, 10, 400)
    y = slope * x + bend * x**2 + effect * (x >= 0)
    found = jump(x, y, bandwidths=Bandwidths(4.0, 7.0))
    assert found.estimate == pytest.approx(effect, abs=1e-7)
    assert found.error == pytest.approx(0, abs=1e-6)


def test_by_its_definition() -> None:
    # The corrected level: the line's level less the bias of its weights times the curvature.
    rng = np.random.default_rng(0)
    x, y = sample(rng, 5.0)
    widths = Bandwidths(6.0, 9.0)
    levels = {}
    for side, rows in {"below": x < 0, "above": x >= 0}.items():
        line, wide = fit_local(x[rows], 6.0, 1), fit_local(x[rows], 9.0, 2)
        bias = (line.weights[0] @ x[rows] ** 2) * wide.coefficients(y[rows])[2]
        levels[side] = line.coefficients(y[rows])[0] - bias
    found = jump(x, y, bandwidths=widths)
    assert found.estimate == pytest.approx(levels["above"] - levels["below"])
    assert found.influence.shape == x.shape
    assert found.error == pytest.approx(np.sqrt((found.influence**2).sum()), rel=0.01)
    assert (found.n_left, found.n_right) == (((x < 0) & (x > -6)).sum(), ((x >= 0) & (x < 6)).sum())


def test_equal_bandwidths_are_a_local_parabola() -> None:
    # Known identity: bias correction with the same bandwidth is the fit of one degree more.
    rng = np.random.default_rng(1)
    x, y = sample(rng, 5.0)
    above, below = (fit_local(x[rows], 8.0, 2).coefficients(y[rows])[0] for rows in (x >= 0, x < 0))
    found = jump(x, y, bandwidths=Bandwidths(8.0, 8.0))
    assert found.estimate == pytest.approx(above - below)


@pytest.mark.parametrize("effect", [0.0, 10.0])
def test_the_interval_covers_a_planted_effect(effect: float) -> None:
    rng = np.random.default_rng(2)
    found = [jump(*sample(rng, effect)) for _ in range(250)]
    covered = np.mean([j.lower <= effect <= j.upper for j in found])
    errors = np.array([j.estimate for j in found]) - effect
    assert 0.91 <= covered <= 0.985
    assert abs(errors.mean()) < 4 * errors.std() / np.sqrt(250)
    if effect:
        assert np.mean([j.p_value < 0.05 for j in found]) > 0.5


def test_a_customer_of_two_snapshots_is_one() -> None:
    rng = np.random.default_rng(3)
    x, y = sample(rng, 0.0)
    once = jump(x, y, bandwidths=Bandwidths(6.0, 9.0))
    twice = jump(
        np.concatenate([x, x]),
        np.concatenate([y, y]),
        cluster=np.tile(np.arange(x.size), 2),
        bandwidths=Bandwidths(6.0, 9.0),
    )
    assert twice.estimate == pytest.approx(once.estimate)
    assert twice.error == pytest.approx(once.error, rel=0.02)  # no surer by copying
    assert (twice.n_left, twice.n_right) == (once.n_left, once.n_right)


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    x, y = sample(rng, 3.0)
    order = rng.permutation(x.size)
    assert jump(x[order], y[order]).estimate == pytest.approx(jump(x, y).estimate)


def test_a_fuzzy_cut_gives_the_effect_on_those_who_followed() -> None:
    rng = np.random.default_rng(5)
    estimates = []
    for _ in range(40):
        x, y = sample(rng, 0.0, 1500)
        treated = (rng.random(1500) < np.where(x >= 0, 0.8, 0.1)).astype(float)
        found = jump(x, y + 10 * treated, treated=treated)
        estimates.append(found.estimate)
        assert found.step == pytest.approx(0.7, abs=0.35)
    assert np.mean(estimates) == pytest.approx(10, abs=1.5)


def test_a_cut_that_decides_nothing_is_refused() -> None:
    rng = np.random.default_rng(6)
    x, y = sample(rng, 0.0)
    with pytest.raises(FitError, match="hardly depends"):
        jump(x, y, treated=(rng.random(600) < 0.5).astype(float))
    with pytest.raises(FitError, match="hardly depends"):
        jump(x, y, treated=np.zeros(600))


def test_it_agrees_with_the_reference_implementation() -> None:
    # rdrobust 1.3.0 (Python), triangular kernel, mserd, vce="hc3", masspoints="off", on these data.
    rng = np.random.default_rng(0)
    x = rng.normal(-3, 8, 600)
    y = 50 + x + 0.05 * x**2 + 5 * (x >= 0) + rng.normal(0, 10, 600)
    found = jump(x, y)
    assert found.bandwidths.main == pytest.approx(7.46404929, rel=1e-3)
    assert found.bandwidths.bias == pytest.approx(11.87228939, rel=1e-3)
    same = jump(x, y, bandwidths=Bandwidths(7.46404929, 11.87228939))
    assert same.estimate == pytest.approx(4.561874912359606, abs=1e-6)
    assert same.error == pytest.approx(2.773981492736644, rel=0.01)


def test_few_customers_are_refused() -> None:
    rng = np.random.default_rng(7)
    x, y = sample(rng, 0.0)
    with pytest.raises(FitError, match="customers are near the cut"):
        jump(x, y, bandwidths=Bandwidths(0.3, 20.0))
    with pytest.raises(FitError, match="at the cut"):
        choose(np.zeros(50), np.zeros(50), np.arange(50))


def test_bandwidths_follow_the_units_of_the_score() -> None:
    rng = np.random.default_rng(8)
    x, y = sample(rng, 4.0)
    found, customers = choose(x, y, np.arange(600)), np.arange(600)
    wide = choose(10 * x, 3 * y + 7, customers)
    assert wide.main == pytest.approx(10 * found.main, rel=1e-6)
    assert wide.bias == pytest.approx(10 * found.bias, rel=1e-6)
    # Less noise: less variance to average away, so a narrower look.
    quiet = 50 + x + 0.05 * x**2 + 0.001 * (y - y.mean())
    assert choose(x, np.sin(x) + 0.01 * quiet, customers).main < found.main
