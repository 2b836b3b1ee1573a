from __future__ import annotations

import numpy as np

from features.schema import Direction
from tiering.normalize import points
from tiering.scores import Reference

POPULATION = Reference.fit({"a": np.array([10.0, 20.0, 30.0, 40.0, 50.0])})
X = np.array([0.0, 10.0, 25.0, np.nan, 50.0, 1e9])


def test_higher_is_better() -> None:
    answer = points(POPULATION, "a", Direction.HIGHER_IS_BETTER, X)
    np.testing.assert_array_equal(answer, [10.0, 10.0, 40.0, np.nan, 90.0, 90.0])


def test_lower_is_better_is_the_mirror() -> None:
    answer = points(POPULATION, "a", Direction.LOWER_IS_BETTER, X)
    np.testing.assert_array_equal(answer, [90.0, 90.0, 60.0, np.nan, 10.0, 10.0])


def test_neutral_counts_like_higher() -> None:
    np.testing.assert_array_equal(
        points(POPULATION, "a", Direction.NEUTRAL, X),
        points(POPULATION, "a", Direction.HIGHER_IS_BETTER, X),
    )


def test_without_reference_data_nobody_has_points() -> None:
    answer = points(POPULATION, "b", Direction.HIGHER_IS_BETTER, np.array([1.0, 2.0]))
    assert np.isnan(answer).tolist() == [True, True]
