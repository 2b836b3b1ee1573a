"""Which indicators moved (#67, #72): neither many nor few customers decide alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, false_discovery_control

from tiering.errors import PopulationError
from tiering.population.drift import compare_populations, false_discovery
from tiering.population.stability import bin_counts, psi


def test_by_hand() -> None:
    before = {"x": np.repeat([0.0, 1.0], 200), "y": np.repeat([0.0, 1.0], 200)}
    after = {"x": np.repeat([0.0, 1.0], [320, 80]), "y": np.repeat([0.0, 1.0], 200)}
    x, y = compare_populations(before, after)
    assert (x.indicator, x.verdict, y.verdict) == ("x", "moved", "stable")
    assert x.psi == psi(before["x"], after["x"])
    assert x.noise == pytest.approx(2 / 400)  # two values: one degree of freedom
    assert x.p_value == pytest.approx(chi2.sf(x.psi * 200, 1))
    assert x.q_value == pytest.approx(2 * x.p_value)
    # P(after > before) - P(after < before) = .2·.5 - .5·.8
    assert x.shift == pytest.approx(0.1 - 0.4)
    assert y.shift == 0


def test_many_customers_do_not_make_a_move() -> None:
    rng = np.random.default_rng(0)
    found = compare_populations(
        {"x": rng.normal(size=200_000)}, {"x": rng.normal(0.03, 1, size=200_000)}
    )[0]
    assert found.p_value < 1e-6  # a test alone would call it moved
    assert found.verdict == "stable"


def test_few_customers_do_not_make_a_move() -> None:
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(300):
        found = compare_populations(
            {"x": rng.normal(size=110)}, {"x": rng.normal(size=110)}, min_customers=100
        )[0]
        verdicts.append((found.psi >= 0.1, found.verdict))
    assert np.mean([large for large, _ in verdicts]) > 0.6  # the index alone cries wolf
    assert np.mean([verdict in ("watch", "moved") for _, verdict in verdicts]) <= 0.08


def test_false_alarms_over_many_indicators_are_held_down() -> None:
    rng = np.random.default_rng(4)
    alarms, runs = 0, 60
    for _ in range(runs):
        names = [f"i{n}" for n in range(60)]
        before = {name: rng.normal(size=150) for name in names}
        after = {name: rng.normal(size=150) for name in names}
        alarms += any(d.verdict in ("watch", "moved") for d in compare_populations(before, after))
    assert alarms / runs <= 0.12  # without the correction it would be all of them


def test_a_verdict_needs_customers_and_values() -> None:
    few, nothing = np.arange(50.0), np.full(200, np.nan)
    many = np.arange(200.0)
    assert compare_populations({"x": few}, {"x": few + 100})[0].verdict == "too_few"
    absent = compare_populations({"x": nothing, "y": many}, {"x": many, "y": many})
    assert [d.verdict for d in absent] == ["stable", "absent"]
    assert compare_populations({"x": many}, {"x": np.empty(0)})[0].verdict == "absent"


def test_a_source_that_falls_silent_has_moved() -> None:
    found = compare_populations({"x": np.arange(200.0)}, {"x": np.full(200, np.nan)})[0]
    assert (found.verdict, found.known_after) == ("moved", 0)
    assert math.isnan(found.shift)


def test_a_large_index_that_chance_explains_is_unproven() -> None:
    rng = np.random.default_rng(5)
    found = [
        compare_populations({"x": rng.normal(size=100)}, {"x": rng.normal(size=100)})[0]
        for _ in range(50)
    ]
    assert {d.verdict for d in found} >= {"unproven", "stable"}


def test_watched_from_a_tenth_on() -> None:
    before = np.repeat([0.0, 1.0], 5000)
    after = np.repeat([0.0, 1.0], [6700, 3300])
    found = compare_populations({"x": before}, {"x": after})[0]
    assert 0.1 <= found.psi < 0.25
    assert found.verdict == "watch"


def test_a_constant_has_no_degree_of_freedom() -> None:
    found = compare_populations({"x": np.zeros(200)}, {"x": np.zeros(200)})[0]
    assert (found.psi, found.p_value, found.verdict) == (0.0, 1.0, "stable")


def test_an_indicator_must_be_on_both_sides() -> None:
    with pytest.raises(PopulationError, match="lacks indicators"):
        compare_populations({"x": np.ones(3)}, {})


@given(st.lists(st.floats(0, 1), max_size=30))
def test_the_correction_is_benjamini_and_hochbergs(p_values: list[float]) -> None:
    mine = false_discovery(np.array(p_values))
    if p_values:
        assert mine == pytest.approx(false_discovery_control(p_values), abs=1e-12)
    assert mine.shape == (len(p_values),)


def test_counts_are_of_all_customers() -> None:
    before, after = np.array([1.0, 2.0, np.nan]), np.array([5.0, np.nan])
    assert bin_counts(before, after).sum(axis=1).tolist() == [3, 2]
