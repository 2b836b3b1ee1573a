"""Cuts that fill the tiers to capacity, and who holds too many (#60)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.capacity import (
    CapacityPolicy,
    TierLimit,
    capacity_faults,
    loads,
    propose_cuts,
)
from tiering.errors import PopulationError

TIERS = ("strategic", "key", "important", "basic")
CUTS = np.array([75.0, 60.0, 45.0, 0.0])
DOCUMENTS = CapacityPolicy(
    limits=(
        TierLimit(tier="strategic", per_manager=15),
        TierLimit(tier="key", per_manager=30),
        TierLimit(tier="important", share=0.3),
    )
)


def test_tiers_are_filled_to_what_the_managers_hold() -> None:
    """#60: strategic <= 15 and key <= 30 a manager, about 30 % important."""
    score = np.linspace(99.0, 0.5, 198)  # 99, 98.5, ... 0.5: two customers a point
    found = propose_cuts(DOCUMENTS, TIERS, score, CUTS, {"strategic": 1, "key": 2})
    before, after = found.counts
    assert before.tolist() == [49, 30, 30, 89]
    assert after.tolist() == [15, 60, 59, 64]
    assert found.proposed.tolist() == [92.0, 62.0, 32.5, 0.0]
    assert found.capacity[:3].tolist() == [15.0, 60.0, 59.0]
    assert np.isnan(found.capacity[3])
    # 34 leave the top, 4 the second tier, 33 the third; nobody else moves.
    assert len(found.movers) == 34 + 4 + 25


def test_equal_scores_are_never_parted() -> None:
    policy = CapacityPolicy(limits=(TierLimit(tier="strategic", per_manager=2),))
    score = np.array([90.0, 80.0, 80.0, 70.0, 10.0])
    found = propose_cuts(policy, TIERS, score, CUTS, {"strategic": 1})
    assert found.counts[1].tolist() == [1, 3, 0, 1]
    assert found.proposed.tolist() == [90.0, 60.0, 45.0, 0.0]


def test_cuts_only_rise_if_the_tiers_are_not_to_be_filled() -> None:
    policy = CapacityPolicy(
        limits=(TierLimit(tier="strategic", share=0.8), TierLimit(tier="key", share=0.2))
    )
    score = np.array([90.0, 65.0, 61.0, 50.0, 10.0])
    kept = propose_cuts(policy, TIERS, score, CUTS, {}, fill=False)
    assert kept.proposed.tolist() == [75.0, 65.0, 45.0, 0.0]
    filled = propose_cuts(policy, TIERS, score, CUTS, {})
    assert filled.counts[1].tolist() == [4, 1, 0, 0]
    # Key reaches below the important customers' own cut, who then begin lower still.
    assert filled.proposed.tolist() == [50.0, 10.0, 9.0, 0.0]


def test_a_tier_without_a_place_stays_empty_and_cuts_keep_falling() -> None:
    policy = CapacityPolicy(
        limits=(TierLimit(tier="strategic", per_manager=0), TierLimit(tier="key", per_manager=0))
    )
    found = propose_cuts(
        policy, TIERS, np.array([99.5, 99.5, 3.0]), CUTS, {"strategic": 1, "key": 1}
    )
    assert found.proposed.tolist() == [100.0, 99.9, 45.0, 0.0]
    assert found.counts[1].tolist() == [0, 0, 2, 1]


def test_what_cannot_be_proposed_is_said() -> None:
    policy = CapacityPolicy(limits=(TierLimit(tier="strategic", per_manager=1),))
    with pytest.raises(PopulationError, match="per manager"):
        propose_cuts(policy, TIERS, np.array([1.0]), CUTS, {})
    with pytest.raises(PopulationError, match="every customer"):
        propose_cuts(policy, TIERS, np.array([np.nan]), CUTS, {"strategic": 1})
    with pytest.raises(PopulationError, match="highest score"):
        propose_cuts(policy, TIERS, np.array([100.0, 100.0]), CUTS, {"strategic": 1})


@given(
    st.lists(
        st.one_of(st.floats(0, 99.9), st.sampled_from([0.0, 45.0, 60.0, 75.0])),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 6),
    st.floats(0.01, 1.0),
    st.booleans(),
)
def test_no_tier_holds_more_than_its_capacity(
    points: list[float], per_manager: int, share: float, fill: bool
) -> None:
    policy = CapacityPolicy(
        limits=(
            TierLimit(tier="strategic", per_manager=per_manager),
            TierLimit(tier="important", share=share),
        )
    )
    score = np.array(points)
    found = propose_cuts(policy, TIERS, score, CUTS, {"strategic": 1}, fill=fill)
    counts = found.counts[1]
    assert (counts[[0, 2]] <= found.capacity[[0, 2]]).all()
    assert (np.diff(found.proposed) < 0).all()
    assert found.proposed[0] <= 100
    assert found.proposed[-1] == 0
    # The twin: a better score never stands in a worse tier, equal ones stand together.
    for a, tier_a in zip(score, found.after, strict=True):
        for b, tier_b in zip(score, found.after, strict=True):
            assert a < b or tier_a <= tier_b
    if fill:  # one more customer, with all of the same score, would not have fitted
        rest = score[(found.after > 0) & (score > 0)]
        if rest.size:
            assert counts[0] + int((rest == rest.max()).sum()) > per_manager


def test_the_load_of_each_manager() -> None:
    """#60: a manager holds 20 to 30 customers, of them at most 15 strategic."""
    manager = np.array(["a"] * 31 + ["b"] * 25 + ["c"] * 3 + ["d"] * 22 + [""] * 9)
    tier = np.array([3] * 31 + [0] * 16 + [1] * 9 + [2] * 3 + [0] * 15 + [1] * 7 + [3] * 9)
    found = loads(DOCUMENTS, TIERS, manager, tier)
    assert [(load.manager, load.customers, load.over, load.status) for load in found] == [
        ("a", 31, (), "over"),
        ("b", 25, ("strategic",), "over"),
        ("d", 22, (), "fits"),
        ("c", 3, (), "under"),
    ]
    assert found[1].by_tier == {"strategic": 16, "key": 9, "important": 0, "basic": 0}


def test_every_fault_of_a_capacity_is_told() -> None:
    assert list(capacity_faults(DOCUMENTS, TIERS)) == []
    policy = CapacityPolicy(
        manager_min=40,
        limits=(
            TierLimit(tier="key"),
            TierLimit(tier="key", per_manager=-1),
            TierLimit(tier="basic", share=1.5),
            TierLimit(tier="important", share=0.3, per_manager=3),
        ),
    )
    assert [fault.path for fault in capacity_faults(policy, TIERS)] == [
        "capacity.manager_min",
        "capacity.limits[0]",
        "capacity.limits[1].tier",
        "capacity.limits[1].per_manager",
        "capacity.limits[2].tier",
        "capacity.limits[2].share",
        "capacity.limits[3]",
    ]
