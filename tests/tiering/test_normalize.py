from __future__ import annotations

import numpy as np
import pytest

from tiering.errors import PopulationError
from tiering.normalize import points, typical_points
from tiering.policy import IndicatorWeight
from tiering.scores import Reference

HIGHER, LOWER, NEUTRAL, MONEY = (
    *("order_days_30d", "max_overdue_days", "contract_days_to_end"),
    "net_amount_365d",
)
FIVE = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
POPULATION = Reference.fit(dict.fromkeys((HIGHER, LOWER, NEUTRAL, MONEY), FIVE))


def by(name: str, **scale: object) -> IndicatorWeight:
    return IndicatorWeight.model_validate({"name": name, "weight": 1.0, **scale})


X = np.array([0.0, 10.0, 25.0, np.nan, 50.0, 1e9])


def test_higher_is_better() -> None:
    answer = points(POPULATION, by(HIGHER), X)
    np.testing.assert_array_equal(answer, [10.0, 10.0, 40.0, np.nan, 90.0, 90.0])


def test_lower_is_better_is_the_mirror() -> None:
    answer = points(POPULATION, by(LOWER), X)
    np.testing.assert_array_equal(answer, [90.0, 90.0, 60.0, np.nan, 10.0, 10.0])


def test_neutral_counts_like_higher() -> None:
    np.testing.assert_array_equal(
        points(POPULATION, by(NEUTRAL), X),
        points(POPULATION, by(HIGHER), X),
    )


def test_without_reference_data_nobody_has_points() -> None:
    answer = points(POPULATION, by("order_days_90d"), np.array([1.0, 2.0]))
    assert np.isnan(answer).tolist() == [True, True]


def test_min_max_between_fixed_bounds_by_hand() -> None:
    # (25 - 10) / (40 - 10) = .5; clipped outside (#45).
    answer = points(POPULATION, by(HIGHER, range=[10, 40]), X)
    np.testing.assert_array_equal(answer, [0.0, 0.0, 50.0, np.nan, 100.0, 100.0])
    mirrored = points(POPULATION, by(LOWER, range=[10, 40]), X)
    np.testing.assert_array_equal(mirrored, [100.0, 100.0, 50.0, np.nan, 0.0, 0.0])


def test_points_as_written_step_by_step() -> None:
    # Payment within 7 days is full marks, 30 days none.
    late = by(LOWER, steps=[[7, 100], [30, 0]])
    np.testing.assert_allclose(
        points(POPULATION, late, np.array([0.0, 7.0, 18.5, 30.0, 99.0, np.nan])),
        [100, 100, 50, 0, 0, np.nan],
    )


def test_the_share_of_the_total_by_hand() -> None:
    # 10 20 30 40 50 are 150: up to and half of 30 it is 10 + 20 + 15 = 45 (#51).
    share = by(MONEY, scale="value_share")
    np.testing.assert_allclose(
        points(POPULATION, share, np.array([10.0, 30.0, 50.0, 35.0, 1e9])),
        [5 / 1.5, 30, 125 / 1.5, (45 + 80) / 2 / 1.5, 125 / 1.5],
    )
    assert typical_points(POPULATION, share) == pytest.approx(40, abs=5)


def test_no_shares_of_what_is_no_money() -> None:
    with pytest.raises(PopulationError, match="no value shares of 'order_days_30d'"):
        points(POPULATION, by(HIGHER, scale="value_share"), X)


def test_typical_points_are_the_means_of_the_population() -> None:
    assert typical_points(POPULATION, by(HIGHER)) == 50.0
    assert typical_points(POPULATION, by(HIGHER, range=[0, 100])) == pytest.approx(30, abs=0.1)
    assert np.isnan(typical_points(POPULATION, by("order_days_90d")))
