"""Counting the votes of a case, and what the count does to the customer's tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from serving.domain.case import CaseOutcome, Decision, ReviewCase
from serving.domain.event import Happening
from serving.domain.vote import Vote, counting
from serving.errors import FourEyesError, InvalidRequestError, RequestFault
from serving.reviewing.overriding import grant
from serving.reviewing.stepping import (
    Reviewer,
    check_independent,
    escalated,
    take_step,
    told,
)
from serving.reviewing.steps import check_level_above
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database, Session
from tiering.errors import TransitionError
from tiering.panel.policy import PanelPolicy
from tiering.panel.steps import Step, advance
from tiering.panel.tally import Ballot, Tally, Verdict, count


@dataclass(frozen=True, slots=True)
class Wording:
    """The panel's reason, put in words by whoever counts.

    Attributes
    ----------
    reason
        Code of the policy.
    texts
        By language.
    days
        For how many days the decision holds; as long as the policy lets it by default.
    """

    reason: str
    texts: Mapping[str, str]
    days: int | None = None


def tally_of(
    case: ReviewCase, votes: tuple[Vote, ...], places: Mapping[str, int], policy: PanelPolicy
) -> Tally:
    """Count the votes of a case's level.

    Parameters
    ----------
    places
        Index of a tier by its id.
    """
    ballots = [
        Ballot(vote.voter, vote.seat, places[vote.tier_id]) for vote in counting(votes, case.level)
    ]
    level = min(case.level, len(policy.levels) - 1)
    last = level + 1 == len(policy.levels)
    return count(ballots, policy.levels[level], policy.spread, last=last)


def decide(
    database: Database, case_id: str, who: Reviewer, wording: Wording, policy: PanelPolicy
) -> ReviewCase:
    """Count the votes: the case is decided, or contested and handed to the level above.

    A decision is in force at once. Another tier than the one of the grade is an override; the
    same tier ends an override of before.

    Raises
    ------
    TransitionError
        If the case is not claimed, the quorum is missing, or the last level is at odds.
    FourEyesError
        If nobody but whoever counts has voted, or they had a part in what the case looks at.
    """

    def change(session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.DECIDE)
        _check_reason(wording, policy)
        check_independent(session, case, who)
        graded = Grades(session).one(case.grade_id)
        assert graded is not None  # a foreign key
        tiers = graded[0].basis.tiers
        votes = Reviews(session).votes(case.case_id)
        tally = tally_of(case, votes, {tier.id: tier.index for tier in tiers}, policy)
        if tally.verdict is Verdict.QUORUM_MISSING:
            raise _no_quorum(case, tally, policy)
        counted = counting(votes, case.level)
        if {vote.voter for vote in counted} == {who.id}:
            raise FourEyesError(
                f"{who.id} is the only one who voted; somebody else has to count.",
                hint="Ask another member of the panel.",
            )
        if tally.verdict is Verdict.CONTESTED:
            check_level_above(case, policy)
            after, happening = escalated(case, policy, who.at, "contested")
            return replace(after, status=advance(case.status, Step.ESCALATE)), [happening]
        assert tally.tier is not None
        decided = tiers[tally.tier].id
        same = decided == case.tier_id
        decision = Decision(
            tier_id=decided,
            outcome=CaseOutcome.CONFIRMED if same else CaseOutcome.OVERRIDDEN,
            reason=wording.reason,
            texts=dict(wording.texts),
            at=who.at,
            by=who.id,
            holds_until=policy.holds_until(who.at, wording.days),
            level=case.level,
            votes=tally.votes,
            agreement=tally.agreement,
        )
        after = replace(case, status=status, decision=decision)
        happenings = [_revealed(after, decision, votes, policy)]
        happenings += grant(session, after, graded[1], who)
        return after, happenings

    return take_step(database, case_id, who, change)


def _check_reason(wording: Wording, policy: PanelPolicy) -> None:
    known = [reason.id for reason in policy.reasons]
    if wording.reason not in known:
        raise InvalidRequestError(
            "The decision has no reason.",
            [RequestFault(f"One of: {', '.join(known)}.", "#/reason")],
        )


def _no_quorum(case: ReviewCase, tally: Tally, policy: PanelPolicy) -> TransitionError:
    level = policy.levels[case.level]
    labels = {seat.id: seat.label_en for seat in policy.seats}
    among = ", ".join(labels[seat] for seat in level.seats)
    return TransitionError(
        f"There are {tally.votes} votes, and {level.quorum} are needed"
        f"{f', among them {among}' if among else ''}.",
        hint="The case can be decided when the others have voted.",
        state=case.status.value,
    )


def _revealed(
    case: ReviewCase, decision: Decision, votes: Sequence[Vote], policy: PanelPolicy
) -> Happening:
    """Return the decision with every vote and its salt, to be held against the commitments."""
    return told(
        "review.decided",
        case,
        grade_id=case.grade_id,
        policy=policy.name,
        policy_sha256=policy.sha256,
        level=policy.levels[decision.level].id,
        tier_id=decision.tier_id,
        model_tier_id=case.tier_id,
        outcome=decision.outcome.value,
        reason=decision.reason,
        texts=dict(decision.texts),
        holds_until=decision.holds_until.isoformat(),
        agreement=decision.agreement,
        votes=[
            {
                "sequence": vote.sequence,
                "level": vote.level,
                "voter": vote.voter,
                "seat": vote.seat,
                "tier_id": vote.tier_id,
                "reason": vote.reason,
                "text": vote.text,
                "confidence": vote.confidence,
                "salt": vote.salt,
                "commitment": vote.commitment,
            }
            for vote in votes
        ],
    )
