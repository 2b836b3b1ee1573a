"""Two ways of deciding joined into one (X10)."""

from __future__ import annotations

import numpy as np

from tiering.placement import Placement, by_score, combined

NAN = np.nan


def placed(tier: list[int], up: list[float], down: list[float]) -> Placement:
    index = np.array(tier, dtype=np.intp)
    return Placement(index, index, np.array(up), np.array(down))


def test_scores_between_cuts() -> None:
    found = by_score(np.array([60.0, 40.0, 0.0]), np.array([60.0, 59.0, 0.0]))
    assert found.tier.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.margin_up, [NAN, 1, 40])
    np.testing.assert_array_equal(found.margin_down, [0, 19, NAN])


FIRST = placed([0, 1, 1], [NAN, 5, 5], [4, 3, 3])
SECOND = placed([1, 1, 0], [7, 2, NAN], [6, 8, 9])


def test_the_lower_of_two() -> None:
    found = combined(FIRST, SECOND, lower=True)
    assert found.tier.tolist() == [1, 1, 1]
    # Alone in the lower tier its own distance counts; together both must rise, one may fall.
    assert found.margin_up.tolist() == [7, 5, 5]
    assert found.margin_down.tolist() == [6, 3, 3]


def test_the_higher_of_two() -> None:
    found = combined(FIRST, SECOND, lower=False)
    assert found.tier.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(found.margin_up, [NAN, 2, NAN])
    assert found.margin_down.tolist() == [4, 8, 9]


def test_what_could_be_is_combined_too() -> None:
    tier, best = np.array([2, 2], dtype=np.intp), np.array([0, 2], dtype=np.intp)
    unsure = Placement(tier, best, np.array([NAN, NAN]), np.array([NAN, NAN]))
    other = placed([1, 1], [3, 3], [3, 3])
    assert combined(unsure, other, lower=True).best.tolist() == [1, 2]
    assert combined(unsure, other, lower=False).best.tolist() == [0, 1]
