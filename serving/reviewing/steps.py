"""What people do with a review case before it is decided: claim, release, vote, escalate."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from serving.domain.case import ReviewCase
from serving.domain.event import Happening
from serving.domain.vote import Vote
from serving.errors import (
    ConflictError,
    ForbiddenError,
    FourEyesError,
    InvalidRequestError,
    RequestFault,
)
from serving.reviewing.stepping import Reviewer, check_independent, escalated, take_step, told
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database, Session
from tiering.errors import TransitionError
from tiering.panel.policy import PanelPolicy
from tiering.panel.steps import Step, advance


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody votes.

    Attributes
    ----------
    change
        Whether it takes the place of a vote that they cast before.
    """

    seat: str
    tier_id: str
    reason: str
    text: str
    confidence: float
    change: bool = False


def claim(database: Database, case_id: str, who: Reviewer) -> ReviewCase:
    """Take an open case on; the panel can vote from then on.

    Raises
    ------
    TransitionError
        If it is not open: somebody was faster.
    FourEyesError
        If they have had a part in what it looks at.
    """

    def change(session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.CLAIM)
        check_independent(session, case, who)
        after = replace(case, status=status, claimed_by=who.id, claimed_at=who.at)
        return after, [told("case.claimed", case, grade_id=case.grade_id)]

    return take_step(database, case_id, who, change)


def release(database: Database, case_id: str, who: Reviewer) -> ReviewCase:
    """Give a claimed case back; votes cast until now stay.

    Raises
    ------
    TransitionError
        If it is not claimed.
    FourEyesError
        If somebody else leads it, and it is not late.
    """

    def change(_session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.RELEASE)
        if who.id != case.claimed_by and not case.is_late(who.at):
            raise FourEyesError(
                f"{case.claimed_by} leads the case; until it is late only they can release it.",
                hint="Ask them, or wait for the due date.",
            )
        after = replace(case, status=status, claimed_by=None, claimed_at=None)
        return after, [told("case.released", case, claimed_by=case.claimed_by)]

    return take_step(database, case_id, who, change)


def vote(
    database: Database, case_id: str, who: Reviewer, said: Opinion, policy: PanelPolicy
) -> ReviewCase:
    """Cast a vote that nobody else sees before the case is decided, or change one's own.

    Raises
    ------
    TransitionError
        If the case is not claimed, or the panel is complete.
    ForbiddenError
        If the seat is not theirs.
    FourEyesError
        If they have had a part in what it looks at.
    ConflictError
        If they voted before, and do not say that they change it.
    InvalidRequestError
        If there is no such tier, reason or seat.
    """

    def change(session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.VOTE)
        _check_known(session, case, said, policy)
        if said.seat not in policy.seats_of(who.id):
            raise ForbiddenError(f"{who.id} has no seat {said.seat!r} on the panel.")
        check_independent(session, case, who)
        reviews = Reviews(session)
        before = reviews.votes(case.case_id)
        voters = {each.voter for each in before if each.level == case.level}
        if who.id in voters and not said.change:
            raise ConflictError(
                f"{who.id} has voted already.",
                hint='Send "change": true to change the vote; the trail keeps both.',
            )
        if who.id not in voters and len(voters) >= policy.levels[case.level].size:
            raise TransitionError(
                f"All {len(voters)} places of the panel are taken.", state=case.status.value
            )
        cast = Vote(
            case_id=case.case_id,
            level=case.level,
            sequence=len(before) + 1,
            voter=who.id,
            seat=said.seat,
            tier_id=said.tier_id,
            reason=said.reason,
            text=said.text,
            confidence=said.confidence,
            at=who.at,
            salt=secrets.token_hex(16),
        )
        reviews.vote(cast)
        sealed = told(
            "review.voted",
            case,
            sequence=cast.sequence,
            level=policy.levels[case.level].id,
            commitment=cast.commitment,
        )
        return replace(case, status=status), [sealed]

    return take_step(database, case_id, who, change)


def escalate(
    database: Database, case_id: str, who: Reviewer, why: str, policy: PanelPolicy
) -> ReviewCase:
    """Hand a case to the level above.

    Raises
    ------
    TransitionError
        If it is decided already, or there is no level above.
    FourEyesError
        If they have had a part in what it looks at.
    """

    def change(session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.ESCALATE)
        check_independent(session, case, who)
        check_level_above(case, policy)
        after, happening = escalated(case, policy, who.at, why)
        return replace(after, status=status), [happening]

    return take_step(database, case_id, who, change)


def check_level_above(case: ReviewCase, policy: PanelPolicy) -> None:
    """Refuse to hand a case higher than there is.

    Raises
    ------
    TransitionError
        If it stands at the last level.
    """
    if case.level + 1 >= len(policy.levels):
        raise TransitionError(
            "There is no level above this one; here the majority of votes decides.",
            hint="Votes can be changed until the case is decided.",
            state=case.status.value,
        )


def _check_known(session: Session, case: ReviewCase, said: Opinion, policy: PanelPolicy) -> None:
    found = Grades(session).one(case.grade_id)
    tiers = [tier.id for tier in found[0].basis.tiers] if found else []
    faults = [
        RequestFault(f"One of: {', '.join(known)}.", f"#/{place}")
        for place, value, known in (
            ("seat", said.seat, [seat.id for seat in policy.seats]),
            ("tier_id", said.tier_id, tiers),
            ("reason", said.reason, [reason.id for reason in policy.reasons]),
        )
        if value not in known
    ]
    if faults:
        raise InvalidRequestError("The vote cannot be counted.", faults)
