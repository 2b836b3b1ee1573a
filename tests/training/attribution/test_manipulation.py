"""Bunching at a cut: found when it is there, rarely when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from training.attribution.manipulation import density_jump
from training.errors import FitError


def test_a_uniform_has_the_same_density_on_both_sides() -> None:
    found = density_jump(np.linspace(-5, 5, 2001))
    assert found.below == pytest.approx(0.1, rel=1e-3)
    assert found.above == pytest.approx(0.1, rel=1e-3)
    assert found.p_value > 0.5


def test_a_step_is_measured() -> None:
    # 400 scores on (-4, 0) and 1,200 on [0, 4): densities 1/16 and 3/16.
    found = density_jump(np.concatenate([-np.linspace(0.01, 4, 400), np.linspace(0, 4, 1200)]))
    assert found.below == pytest.approx(1 / 16, rel=0.02)
    assert found.above == pytest.approx(3 / 16, rel=0.02)
    assert found.p_value < 1e-6


@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_few_false_alarms(shape: str) -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(200):
        x = rng.normal(-3, 8, 800) if shape == "normal" else rng.gamma(2, 5, 800) - 9
        alarms.append(density_jump(x).p_value < 0.05)
    assert np.mean(alarms) <= 0.09


def test_steered_scores_are_found() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        x = rng.normal(-3, 8, 1500)
        steered = (x < 0) & (x > -1.5) & (rng.random(1500) < 0.6)
        x[steered] = -x[steered]
        found.append(density_jump(x).p_value < 0.05)
    assert np.mean(found) > 0.8


def test_it_agrees_with_the_reference_implementation() -> None:
    # rddensity 3.0 (Python), q = 3, jackknife, massPoints=False, at our bandwidth.
    found = density_jump(np.random.default_rng(1).normal(-3, 8, 1000))
    assert found.bandwidth == pytest.approx(12.20452519, rel=1e-6)
    assert found.below == pytest.approx(0.05563814, rel=2e-3)  # it divides by n - 1
    assert found.above == pytest.approx(0.04395515, rel=2e-3)
    assert found.p_value == pytest.approx(0.26907565, abs=0.005)


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=500)
    assert density_jump(x[::-1]) == density_jump(x)


def test_few_scores_are_refused() -> None:
    with pytest.raises(FitError, match="fewer than 50"):
        density_jump(np.concatenate([-np.arange(1.0, 40), np.arange(200.0)]))
