"""Moves between tiers (#67, #107)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import PopulationError
from tiering.population.intervals import wilson
from tiering.population.movement import migrate


def test_rates_by_hand() -> None:
    before = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    after = np.array([0, 1, 0, 1, 2, 1, 2, 2])
    found = migrate(before, after, 3, days=90)
    assert found.stayed.share == 4 / 8
    assert (found.upgraded.share, found.upgraded.n) == (2 / 6, 6)  # two were at the top already
    assert (found.downgraded.share, found.downgraded.n) == (2 / 5, 5)
    assert (found.upgraded.lower, found.upgraded.upper) == wilson(2, 6)
    assert found.shares.tolist()[1] == [1 / 3, 1 / 3, 1 / 3]
    # Half of the best stayed for 90 days: half are gone after 90.
    assert found.half_life_days[0] == pytest.approx(90)
    assert found.half_life_days[1] == pytest.approx(90 * math.log(0.5) / math.log(1 / 3))


def test_half_lives_at_the_ends() -> None:
    found = migrate(np.array([0, 1]), np.array([0, 0]), 3, days=30)
    assert found.half_life_days[0] == math.inf
    assert found.half_life_days[1] == 0
    assert math.isnan(found.half_life_days[2])
    assert math.isnan(migrate(np.array([0]), np.array([0]), 2, days=1).upgraded.share)


def test_the_second_grading_is_later() -> None:
    with pytest.raises(PopulationError, match="after the first"):
        migrate(np.array([0]), np.array([0]), 1, days=0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_everybody_stays_rises_or_falls(moves: list[tuple[int, int]]) -> None:
    before, after = np.array(moves).T
    found = migrate(before, after, 4, days=10)
    stayed = sum(a == b for a, b in moves)
    up = sum(b < a for a, b in moves)
    assert found.matrix.sum() == len(moves)
    assert round(found.stayed.share * len(moves)) == stayed
    assert round((found.upgraded.share if found.upgraded.n else 0) * found.upgraded.n) == up
    rows = found.shares.sum(axis=1)
    assert np.isclose(rows[found.matrix.sum(axis=1) > 0], 1).all()
    order = np.random.default_rng(0).permutation(len(moves))
    assert (migrate(before[order], after[order], 4, days=10).matrix == found.matrix).all()
