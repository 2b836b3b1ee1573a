"""Concentration of money over customers (#117)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.errors import PopulationError
from tiering.population.concentration import concentration, lorenz

# Amounts below the smallest normal float are no money: half of one is nothing.
MONEY = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=40)


def test_the_sources_statement_by_hand() -> None:
    # #117: the top 20 % of 10 customers are two; they hold 75 of 100.
    values = np.array([3.0, 3, 3, 3, 3, 3, 3, 4, 35, 40])
    found = concentration(values)
    assert found.top_share == pytest.approx(0.75)
    assert found.top_gain_share == pytest.approx(0.75)
    assert (found.n, found.unknown, found.total, found.losses) == (10, 0, 100.0, 0.0)
    customers, money = lorenz(values)
    assert customers[8] == pytest.approx(0.8)
    assert money[8] == pytest.approx(0.25)


def test_a_customer_may_count_in_part() -> None:
    # The top 20 % of 4 customers are eight tenths of the largest.
    assert concentration(np.array([1.0, 1, 1, 7])).top_share == pytest.approx(0.56)


def test_gini_by_hand() -> None:
    # Differences of 1, 2, 3: (1 + 2 + 1) twice, over 2·9·2.
    assert concentration(np.array([3.0, 1.0, 2.0])).gini == pytest.approx(8 / 36)
    assert concentration(np.array([5.0, 5.0])).gini == 0
    assert concentration(np.array([0.0, 0, 0, 1])).gini == pytest.approx(0.75)


def test_losses_are_told_not_hidden() -> None:
    found = concentration(np.array([-50.0, 0, 0, 0, 150.0]))
    assert found.top_share == pytest.approx(1.5)  # others lose, so it is above 1
    assert found.top_gain_share == 1.0
    assert (found.gains, found.losses, found.total) == (150.0, -50.0, 100.0)
    assert found.gini == pytest.approx(0.8)  # 4 (1 / n below its bound): gains and losses in one
    _, money = lorenz(np.array([-50.0, 0, 0, 0, 150.0]))
    assert money.min() == -0.5


def test_a_sum_below_zero_has_no_share() -> None:
    found = concentration(np.array([-5.0, 1.0]))
    assert np.isnan(found.top_share)
    assert found.top_gain_share == pytest.approx(0.4)
    assert np.isnan(concentration(np.array([-5.0, -1.0])).top_gain_share)
    assert np.isnan(concentration(np.zeros(3)).gini)
    with pytest.raises(PopulationError, match="above 0"):
        lorenz(np.array([-5.0, 1.0]))


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, 1.0]])
def test_without_finite_values_there_is_no_concentration(values: list[float]) -> None:
    with pytest.raises(PopulationError, match="finite values"):
        concentration(np.array(values))


@pytest.mark.parametrize("top", [0.0, 1.0])
def test_a_top_share_is_a_part(top: float) -> None:
    with pytest.raises(PopulationError, match="between 0 and 1"):
        concentration(np.ones(3), top)


def _gini_slow(values: list[float]) -> float:
    differences = sum(abs(a - b) for a in values for b in values)
    return differences / (2 * len(values) * sum(map(abs, values)))


@given(
    st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=25).filter(
        lambda v: any(map(abs, v))
    )
)
def test_gini_agrees_with_all_pairs(values: list[float]) -> None:
    found = concentration(np.array(values)).gini
    assert found == pytest.approx(_gini_slow(values), abs=1e-9)
    assert -1e-12 <= found <= 1


@given(MONEY, st.floats(0.01, 0.99), st.randoms())
@settings(deadline=None)
def test_concentration_is_bounded_and_blind_to_order(values, top, random) -> None:
    found = concentration(np.array(values), top)
    shuffled = list(values)
    random.shuffle(shuffled)
    assert repr(concentration(np.array(shuffled), top)) == repr(found)  # NaN equals NaN here
    if sum(values) > 0:
        assert top - 1e-9 <= found.top_share <= 1 + 1e-9  # never less than an even spread
        assert found.top_share == pytest.approx(found.top_gain_share)


@given(st.lists(st.floats(-1e4, 1e6), min_size=1, max_size=40).filter(lambda v: sum(v) > 1e-3))
def test_lorenz_is_convex_and_ends_at_the_whole(values: list[float]) -> None:
    customers, money = lorenz(np.array([*values, np.nan]))
    assert (customers[0], money[0], customers[-1]) == (0.0, 0.0, 1.0)
    assert money[-1] == pytest.approx(1.0)
    scale = np.abs(values).sum() / sum(values)
    assert (np.diff(money, 2) >= -1e-9 * scale).all()


def test_the_intervals_are_those_of_a_bootstrap() -> None:
    rng = np.random.default_rng(2)
    values = rng.gamma(0.8, 100.0, 600)
    found = concentration(values)
    drawn = [concentration(rng.choice(values, values.size)) for _ in range(400)]
    for name in ("top_share", "gini"):
        spread = np.std([getattr(each, name) for each in drawn])
        lower, upper = getattr(found, f"{name}_interval")
        assert (upper - lower) / (2 * 1.96) == pytest.approx(spread, rel=0.12)


def test_the_intervals_cover_nearly_as_often_as_they_say() -> None:
    # Exponential: Gini is 1/2 and the top fifth holds (1 + ln 5) / 5.
    rng = np.random.default_rng(3)
    inside = np.zeros(2)
    for _ in range(800):
        found = concentration(rng.exponential(size=400))
        truths = (0.5, (1 + np.log(5)) / 5)
        pairs = zip((found.gini_interval, found.top_share_interval), truths, strict=True)
        inside += [low <= truth <= high for (low, high), truth in pairs]
    assert (inside / 800 >= 0.91).all()
    assert (inside / 800 <= 0.97).all()
