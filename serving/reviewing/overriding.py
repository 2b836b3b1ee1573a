"""Tiers given by people: granted by a decision, laid over what runs say, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from serving.audit import record
from serving.domain.case import CaseOutcome, ReviewCase
from serving.domain.event import Happening
from serving.domain.grade import Grade
from serving.domain.override import Ending, Override
from serving.domain.overruling import under
from serving.errors import ConflictError, FourEyesError, ReviewNotFoundError
from serving.reviewing.stepping import Reviewer
from serving.store.overrides import Overrides
from serving.store.reviews import Reviews
from serving.store.session import Database, Session


def under_overrides(session: Session, grades: Sequence[Grade], now: datetime) -> list[Grade]:
    """Return grades (a page of them) with the tiers that hold, as panels overruled them."""
    found = Overrides(session).in_force([grade.customer_id for grade in grades], now)
    return [under(grade, found.get(grade.customer_id)) for grade in grades]


def grant(session: Session, case: ReviewCase, grade: Grade, who: Reviewer) -> list[Happening]:
    """Bring a case's decision into force and return what happened."""
    decision = case.decision
    assert decision is not None
    overrides = Overrides(session)
    happenings = []
    standing = overrides.standing_of(case.customer_id)
    if standing is not None:
        over = standing.expires_at <= who.at
        ended = replace(
            standing,
            ended_at=who.at,
            ended_by=who.id,
            ending=Ending.EXPIRED if over else Ending.SUPERSEDED,
        )
        overrides.end(ended)
        happenings.append(_ended(ended, by_case=None if over else case.case_id))
    if decision.outcome is CaseOutcome.OVERRIDDEN:
        override = Override(
            override_id=case.case_id,
            customer_id=case.customer_id,
            grade_id=case.grade_id,
            run_id=case.run_id,
            case_id=case.case_id,
            scheme_id=grade.basis.scheme_id,
            tier_id=decision.tier_id,
            model_tier_id=case.tier_id,
            reason=decision.reason,
            texts=decision.texts,
            decided_at=decision.at,
            expires_at=decision.holds_until,
        )
        overrides.add(override)
        happenings.append(
            _told(
                "override.granted",
                override,
                tier_id=override.tier_id,
                model_tier_id=override.model_tier_id,
                grade_id=override.grade_id,
                reason=override.reason,
                expires_at=override.expires_at.isoformat(),
            )
        )
    return happenings


def revoke(database: Database, override_id: str, who: Reviewer, text: str) -> Override:
    """End an override before it expires: the customer stands again where the model says.

    Raises
    ------
    ReviewNotFoundError
        If there is none.
    ConflictError
        If it is over.
    FourEyesError
        If they voted for it or counted the votes: who gave does not take back alone.
    """
    with database.write() as session:
        overrides, reviews = Overrides(session), Reviews(session)
        override = overrides.get(override_id)
        if override is None:
            raise override_not_found(override_id)
        case = reviews.get(override.case_id)
        assert case is not None  # a foreign key
        assert case.decision is not None
        voters = {voter for _, voter in reviews.voters([case.case_id])[case.case_id]}
        if who.id in voters or who.id == case.decision.by:
            raise FourEyesError(
                f"{who.id} had a part in the decision; somebody else has to revoke it.",
                hint="Ask another member of the panel.",
            )
        ended = replace(
            override, ended_at=who.at, ended_by=who.id, ending=Ending.REVOKED, ended_text=text
        )
        if not override.holds(who.at) or not overrides.end(ended):
            raise ConflictError(
                "The override is over already.",
                hint="GET /v1/overrides?in_force=true lists others.",
            )
        record(session, [_ended(ended, text=text)], at=who.at, actor=who.id)
        return ended


def expire(session: Session, now: datetime, by: str) -> list[Happening]:
    """Note which overrides are over, and return what happened.

    They ended by themselves at their instant; this writes it down.
    """
    overrides = Overrides(session)
    happenings = []
    for override in overrides.expired(now):
        ended = replace(override, ended_at=now, ended_by=by, ending=Ending.EXPIRED)
        overrides.end(ended)
        happenings.append(_ended(ended))
    return happenings


def override_not_found(override_id: str) -> ReviewNotFoundError:
    """Return the error for an override that is not there."""
    return ReviewNotFoundError(
        f"There is no override {override_id!r}.",
        hint="Take the override_id from /v1/overrides.",
        override_id=override_id,
    )


_ACTION = {
    Ending.EXPIRED: "override.expired",
    Ending.REVOKED: "override.revoked",
    Ending.SUPERSEDED: "override.superseded",
}


def _ended(override: Override, **payload: object) -> Happening:
    assert override.ending is not None
    return _told(
        _ACTION[override.ending],
        override,
        tier_id=override.tier_id,
        model_tier_id=override.model_tier_id,
        expires_at=override.expires_at.isoformat(),
        **payload,
    )


def _told(action: str, override: Override, **payload: object) -> Happening:
    return Happening(
        action,
        f"override:{override.override_id}",
        {
            "customer_id": override.customer_id,
            "case_id": override.case_id,
            "override_sha256": override.sha256,
            **payload,
        },
    )
