"""Alarms over time: false ones are bounded, true ones are raised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import PopulationError
from tiering.population.alarms import next_level, simes


def test_simes_by_hand() -> None:
    assert simes([0.04, 0.01, 0.5]) == pytest.approx(0.03)
    assert simes([0.6]) == 0.6
    assert simes([]) == 1.0


def test_the_budget_without_alarms_is_never_overspent() -> None:
    spent = [next_level([False] * run) for run in range(2000)]
    assert sum(spent) <= 0.025
    assert all(level > 0 for level in spent)


def test_an_alarm_refills_the_budget() -> None:
    quiet = next_level([False] * 12)
    assert next_level([False] * 11 + [True]) > 2 * quiet
    assert next_level([True, True]) > next_level([True, False])


@given(st.lists(st.booleans(), max_size=60), st.floats(0.01, 0.5))
def test_a_level_is_a_level(earlier: list[bool], bound: float) -> None:
    assert 0 < next_level(earlier, bound) < bound


@pytest.mark.parametrize("bound", [0.0, 1.0, -0.1])
def test_a_bound_outside_is_refused(bound: float) -> None:
    with pytest.raises(PopulationError, match="between 0 and 1"):
        next_level([], bound)


def test_false_alarms_are_bounded_where_plain_testing_raises_them() -> None:
    """FIELD row 15: 36 months without drift, and with one real move in three."""
    rng = np.random.default_rng(5)
    watches, months = 400, 36
    plain = false = alarms = found = moved = 0
    for _ in range(watches):
        raised: list[bool] = []
        real = rng.random(months) < 1 / 3
        for month in range(months):
            p = float(rng.beta(0.05, 8)) if real[month] else float(rng.random())
            plain += p <= 0.05 and not real[month]
            raised.append(p <= next_level(raised))
            alarms += raised[-1]
            false += raised[-1] and not real[month]
            moved += bool(real[month])
            found += raised[-1] and bool(real[month])
    assert false / alarms <= 0.05
    assert found / moved >= 0.6
    assert plain / watches > 1  # more than one false alarm in every watch

    for_nothing = sum(any(_watch(rng.random(months))) for _ in range(watches))
    assert for_nothing / watches <= 0.05


def _watch(p_values: np.ndarray) -> list[bool]:
    raised: list[bool] = []
    for p in p_values:
        raised.append(float(p) <= next_level(raised))
    return raised
