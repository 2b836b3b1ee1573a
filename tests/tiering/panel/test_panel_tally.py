"""Counting votes: quorum, majority, disagreement (#93, #94)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.panel.policy import Level
from tiering.panel.tally import Ballot, Verdict, count

SEATS = ("sales_director", "product_manager", "marketing_director")
LEVEL = Level(id="panel", size=5, quorum=3, seats=SEATS, answer_working_days=5)


def ballots(*tiers: int) -> list[Ballot]:
    seats = (*SEATS, "expert", "expert")
    return [Ballot(f"p{i}", seats[i], tier) for i, tier in enumerate(tiers)]


@pytest.mark.parametrize(
    ("tiers", "last", "verdict", "tier"),
    [
        ((), False, Verdict.QUORUM_MISSING, None),
        ((1, 1), False, Verdict.QUORUM_MISSING, 1),
        ((1, 1, 1), False, Verdict.AGREED, 1),
        ((1, 1, 2), False, Verdict.AGREED, 1),
        ((1, 1, 3), False, Verdict.CONTESTED, 1),  # a majority, and two tiers apart
        ((1, 1, 3), True, Verdict.AGREED, 1),  # nobody stands above: the majority counts
        ((1, 1, 2, 2), False, Verdict.CONTESTED, None),  # half is no majority
        ((1, 1, 2, 2), True, Verdict.CONTESTED, None),
        ((0, 1, 2), False, Verdict.CONTESTED, None),
    ],
)
def test_what_votes_come_to(
    tiers: tuple[int, ...], last: bool, verdict: Verdict, tier: int | None
) -> None:
    found = count(ballots(*tiers), LEVEL, spread=2, last=last)
    assert (found.verdict, found.tier, found.votes) == (verdict, tier, len(tiers))


def test_the_seats_of_93_must_be_among_the_voters() -> None:
    """#93: sales director, product manager and marketing director."""
    experts = [Ballot(f"p{i}", "expert", 1) for i in range(5)]
    assert count(experts, LEVEL, 2, last=False).verdict is Verdict.QUORUM_MISSING
    two = [Ballot("p0", SEATS[0], 1), Ballot("p1", SEATS[1], 1), *experts[2:]]
    assert count(two, LEVEL, 2, last=False).verdict is Verdict.QUORUM_MISSING


@given(st.lists(st.integers(0, 3), min_size=3, max_size=5), st.integers(1, 3), st.booleans())
def test_an_agreement_is_a_majority_within_the_spread(
    tiers: list[int], spread: int, last: bool
) -> None:
    found = count(ballots(*tiers), LEVEL, spread, last=last)
    best = max(tiers.count(tier) for tier in tiers)
    majority = 2 * best > len(tiers)
    apart = max(tiers) - min(tiers)
    assert found.spread == apart
    assert found.agreement == best / len(tiers)
    assert (found.verdict is Verdict.AGREED) == (majority and (last or apart < spread))
    if found.verdict is Verdict.AGREED:
        assert found.tier is not None
        assert 2 * tiers.count(found.tier) > len(tiers)
