"""The tier by realised value, and how steady tiers are, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.training.evaluation.rows_by_hand import judged
from training.evaluation.tier_evidence import stability, tier_row, value_tier_row, value_tiers


def test_as_many_in_each_tier_as_the_scheme_gave() -> None:
    given_tiers = np.array([2, 2, 1, 1, 0])
    value = np.array([50.0, 10.0, 30.0, 5.0, 40.0])
    assert value_tiers(value, given_tiers, 3).tolist() == [0, 2, 1, 2, 1]


def test_equal_values_share_the_lower_tier() -> None:
    given_tiers = np.array([0, 0, 1, 2, 2])
    assert value_tiers(np.array([9.0, 0.0, 0.0, 0.0, 0.0]), given_tiers, 3).tolist() == [
        *(0, 2, 2, 2, 2)
    ]
    assert value_tiers(np.zeros(5), given_tiers, 3).tolist() == [2] * 5
    # a lowest tier that nobody was given stays empty
    assert value_tiers(np.array([3.0, 1.0]), np.array([0, 0]), 3).tolist() == [0, 0]


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 1.0, 2.0, 7.5]), st.integers(0, 3)),
        min_size=1,
        max_size=30,
    )
)
def test_more_value_is_never_a_lower_tier_and_no_tier_is_overfull(
    rows: list[tuple[float, int]],
) -> None:
    value = np.array([row[0] for row in rows])
    tier = np.array([row[1] for row in rows])
    found = value_tiers(value, tier, 4)
    order = np.argsort(-value, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    for each in range(4):
        assert (found <= each).sum() <= (tier <= each).sum()
    for each in np.unique(value):
        assert len(set(found[value == each].tolist())) == 1


def test_rows_count_directions_and_referrals() -> None:
    part = judged(
        "2025-01-01",
        range(4),
        (),
        tier=np.array([0, 1, 1, 2]),
        hindsight=np.array([0, 0, 2, 2]),
        strict=np.array([0, 1, 2, 2]),
        value_tier=np.array([2, 1, 1, 2]),
        referred=np.array([False, True, False, False]),
    )
    row = tier_row(part, 3)
    assert (row.accuracy, row.within_one, row.too_high, row.too_low) == (0.5, 1.0, 0.25, 0.25)
    assert (row.strict_accuracy, row.auto_accuracy, row.referred) == (0.75, 2 / 3, 0.25)
    assert row.majority == 0.5
    assert row.confusion == ((1, 0, 0), (1, 0, 1), (0, 0, 1))
    value = value_tier_row(part, 3)
    assert (value.accuracy, value.within_one, value.too_high) == (0.75, 0.75, 0.25)
    assert math.isnan(value.strict_accuracy)


def test_changes_and_reversals_are_of_customers_seen_at_consecutive_origins() -> None:
    days = ("2025-01-01", "2025-02-01", "2025-03-01")
    seen = ((0, 1, 2, 3), (0, 1, 2), (0, 1, 2, 3))
    tiers = ((0, 0, 1, 1), (1, 0, 1), (0, 1, 1, 0))
    parts = [
        judged(day, who, (), tier=np.array(tier), hindsight=np.array(tier) * 0)
        for day, who, tier in zip(days, seen, tiers, strict=True)
    ]
    found = stability(parts)
    assert (found["pairs"], found["triples"]) == (6, 3)
    assert found["change_rate"] == 3 / 6  # c0 twice, c1 once
    assert found["reversal_rate"] == 1 / 3  # c0: 0, 1, 0
    assert found["hindsight_change_rate"] == found["hindsight_reversal_rate"] == 0.0
    alone = stability(parts[:1])
    assert alone["change_rate"] is None
    assert alone["reversal_rate"] is None
