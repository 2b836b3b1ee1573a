from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.errors import PopulationError
from tiering.population.stability import migration_matrix, psi, unchanged_share


def test_migration_by_hand() -> None:
    before = np.array([0, 0, 1, 1, 1, 2])
    after = np.array([0, 1, 1, 1, 2, 0])
    matrix = migration_matrix(before, after, 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 2, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert unchanged_share(before, after) == 0.5
    assert np.trace(matrix) / matrix.sum() == unchanged_share(before, after)


def test_nobody_migrates_nowhere() -> None:
    nobody = np.empty(0, dtype=np.intp)
    assert migration_matrix(nobody, nobody, 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(PopulationError, match="No customers"):
        unchanged_share(nobody, nobody)


@pytest.mark.parametrize(
    ("before", "after"),
    [(np.zeros(2, int), np.zeros(3, int)), (np.zeros((1, 1), int), np.zeros((1, 1), int))],
)
def test_other_customers_are_refused(before: np.ndarray, after: np.ndarray) -> None:
    with pytest.raises(PopulationError, match="same customers"):
        migration_matrix(before, after, 1)
    with pytest.raises(PopulationError, match="same customers"):
        unchanged_share(before, after)


@pytest.mark.parametrize("index", [-1, 2])
def test_tiers_outside_the_scheme_are_refused(index: int) -> None:
    with pytest.raises(PopulationError, match="0 to 1"):
        migration_matrix(np.array([0]), np.array([index]), 2)


def test_psi_by_hand() -> None:
    # One cut at the observed median 2: up to it 2 of 3, above it 1 of 3. Actual: 3 and 0.
    # With half a customer more in each bin: expected 2.5/4, 1.5/4; actual 3.5/4, .5/4.
    e, a = np.array([2.5, 1.5]) / 4, np.array([3.5, 0.5]) / 4
    expected = float(((a - e) * np.log(a / e)).sum())
    answer = psi(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0]), bins=2)
    assert answer == pytest.approx(expected, abs=1e-12)


def test_psi_agrees_with_the_textbook_for_large_samples() -> None:
    # Bins of a fifth each; actual has shares .4 .3 .1 .1 .1 of a population of 50 000.
    expected = np.repeat(np.arange(5.0), 10_000)
    actual = np.repeat(np.arange(5.0), [20_000, 15_000, 5_000, 5_000, 5_000])
    e, a = np.full(5, 0.2), np.array([0.4, 0.3, 0.1, 0.1, 0.1])
    textbook = float(((a - e) * np.log(a / e)).sum())
    assert psi(expected, actual, bins=10) == pytest.approx(textbook, abs=1e-3)


def test_psi_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    expected, actual = rng.normal(size=5000), rng.normal(size=4000)
    small, medium, large = (psi(expected, actual + d) for d in (0.0, 0.3, 2.0))
    assert small < 0.01
    assert small < medium < 0.25 < large


def test_psi_sees_a_constant_move_either_way() -> None:
    constant = np.zeros(100)
    assert psi(constant, constant, bins=2) == 0
    for bins in (2, 10):
        assert psi(constant, np.ones(100), bins) > 1
        assert psi(constant, -np.ones(100), bins) > 1


def test_psi_sees_a_tied_value_move_a_little() -> None:
    tied = np.repeat([0.0, 1.0], [900, 100])
    assert psi(tied, np.where(tied == 0, -0.01, tied)) > 1
    assert psi(tied, np.where(tied == 0, 0.01, tied)) > 1
    digits = np.repeat(np.arange(10.0), 100)
    assert psi(digits, np.where(digits == 9, 8, digits)) > 0.1


def test_psi_sees_values_become_unknown() -> None:
    values = np.arange(100.0)
    half = np.where(values % 2 == 0, np.nan, values)
    assert psi(values, half) > 0.5
    assert psi(half, half) == 0


def test_psi_does_not_mistake_sample_size_for_a_move() -> None:
    values = np.repeat(np.arange(10.0), 500)
    assert psi(values, np.repeat(np.arange(10.0), 2)) == pytest.approx(0, abs=1e-12)


@given(
    st.lists(st.integers(-3, 3) | st.just(math.nan), min_size=1, max_size=40),
    st.lists(st.integers(-5, 5) | st.just(math.nan), min_size=1, max_size=40),
    st.integers(2, 12),
)
@settings(max_examples=80, deadline=None)
def test_psi_is_finite_and_never_negative(
    expected: list[float], actual: list[float], bins: int
) -> None:
    e, a = np.array(expected, float), np.array(actual, float)
    if np.isnan(e).all():
        with pytest.raises(PopulationError, match="expected values that are known"):
            psi(e, a, bins)
        return
    assert 0 <= psi(e, a, bins) < math.inf
    assert psi(e, e, bins) == 0


@pytest.mark.parametrize(
    ("expected", "actual", "bins"),
    [([1.0], [1.0], 1), ([], [1.0], 2), ([1.0], [], 2), ([math.nan], [1.0], 2)],
)
def test_psi_refuses_what_it_cannot_compare(
    expected: list[float], actual: list[float], bins: int
) -> None:
    with pytest.raises(PopulationError, match="at least 2 bins"):
        psi(np.array(expected), np.array(actual), bins)
