"""What the votes of a level come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tiering.panel.policy import Level


class Verdict(StrEnum):
    """What a count says."""

    QUORUM_MISSING = "quorum_missing"
    CONTESTED = "contested"
    """No majority, or votes too far apart: the level above decides."""
    AGREED = "agreed"


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote, as counted; ``tier`` 0 is the best."""

    voter: str
    seat: str
    tier: int


@dataclass(frozen=True, slots=True)
class Tally:
    """A count.

    Attributes
    ----------
    tier
        Index of the tier that more than half of the voters gave; None without one.
    spread
        Tiers between the best and the worst vote.
    agreement
        Largest share of voters for one tier, 0 to 1; 0 without votes.
    """

    verdict: Verdict
    votes: int
    tier: int | None
    spread: int
    agreement: float


def count(ballots: Sequence[Ballot], level: Level, spread: int, *, last: bool) -> Tally:
    """Count the votes of a level.

    Parameters
    ----------
    ballots
        One of each voter.
    spread
        Votes this many tiers apart are a disagreement.
    last
        Whether nobody stands above this level: then only the majority counts.
    """
    tiers = Counter(ballot.tier for ballot in ballots)
    top, most = tiers.most_common(1)[0] if tiers else (None, 0)
    tier = top if 2 * most > len(ballots) else None
    apart = max(tiers) - min(tiers) if tiers else 0
    missing = set(level.seats) - {ballot.seat for ballot in ballots}
    if len(ballots) < level.quorum or missing:
        verdict = Verdict.QUORUM_MISSING
    elif tier is None or (apart >= spread and not last):
        verdict = Verdict.CONTESTED
    else:
        verdict = Verdict.AGREED
    return Tally(verdict, len(ballots), tier, apart, most / len(ballots) if ballots else 0.0)
