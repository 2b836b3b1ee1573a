"""From review cases, overrides and appeals to what goes over the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from serving.api import review_schemas as schemas
from serving.api.presenting import text_of
from serving.domain import appeal as appeals
from serving.domain import override as overrides
from serving.domain import vote as votes
from serving.domain.case import Decision, ReviewCase
from tiering.panel.policy import Level, Named, PanelPolicy

Voters = Mapping[str, set[tuple[int, str]]]


def case(
    reviewed: ReviewCase, voters: Voters, policy: PanelPolicy, now: datetime
) -> schemas.ReviewCase:
    """Present a case; of its votes only how many there are."""
    return schemas.ReviewCase(**_members(reviewed, voters, policy, now))


def detail(
    reviewed: ReviewCase,
    cast: tuple[votes.Vote, ...],
    answers: appeals.Appeal | None,
    policy: PanelPolicy,
    now: datetime,
    reader: str,
) -> schemas.ReviewDetail:
    """Present a case to somebody: their own vote, and those of others once it is decided.

    Parameters
    ----------
    answers
        The appeal that the case answers.
    """
    voters = {reviewed.case_id: {(vote.level, vote.voter) for vote in cast}}
    own = [each for each in cast if each.voter == reader and each.level == reviewed.level]
    return schemas.ReviewDetail(
        **_members(reviewed, voters, policy, now),
        appeal_id=answers.appeal_id if answers else None,
        votes=[_vote(each, policy) for each in cast] if reviewed.is_shown else [],
        own_vote=_vote(own[-1], policy) if own else None,
    )


def override(given: overrides.Override, policy: PanelPolicy, now: datetime) -> schemas.Override:
    """Present an override."""
    return schemas.Override(
        override_id=given.override_id,
        customer_id=given.customer_id,
        case_id=given.case_id,
        grade_id=given.grade_id,
        run_id=given.run_id,
        scheme_id=given.scheme_id,
        tier_id=given.tier_id,
        model_tier_id=given.model_tier_id,
        reason=label(given.reason, policy.reasons),
        text=text_of(given.texts["en"], given.texts["zh-CN"]),
        decided_at=given.decided_at,
        until=given.expires_at,
        in_force=given.holds(now),
        ended_at=given.ended_at,
        ended_by=given.ended_by,
        ending=given.ending,
        ended_text=given.ended_text,
    )


def appeal(filed: appeals.Appeal, answering: ReviewCase, now: datetime) -> schemas.Appeal:
    """Present an appeal with the state of the case that answers it."""
    answer = filed.answer
    by = filed.answered_at or now
    return schemas.Appeal(
        appeal_id=filed.appeal_id,
        customer_id=filed.customer_id,
        case_id=filed.case_id,
        contested_case_id=filed.contested_case_id,
        contested_tier_id=filed.contested_tier_id,
        wanted_tier_id=filed.wanted_tier_id,
        reason=filed.reason,
        evidence=list(filed.evidence),
        filed_at=filed.filed_at,
        filed_by=filed.filed_by,
        status=answering.status,
        due_at=answering.due_at,
        late=by > answering.due_at,
        outcome=filed.outcome,
        answered_at=filed.answered_at,
        answered_in_time=None if filed.answered_at is None else by <= answering.due_at,
        answer=None if answer is None else {lang: list(said) for lang, said in answer.items()},
    )


def label(name: str, known: Iterable[Named | Level]) -> schemas.Label:
    """Present an id of the policy; one of an older policy stands for itself."""
    found = {entry.id: entry for entry in known}.get(name)
    en, zh = (found.label_en, found.label_zh) if found else (name, name)
    return schemas.Label(id=name, label=text_of(en, zh))


def _members(
    reviewed: ReviewCase, voters: Voters, policy: PanelPolicy, now: datetime
) -> dict[str, Any]:
    level = policy.levels[min(reviewed.level, len(policy.levels) - 1)]
    cast = voters.get(reviewed.case_id, set())
    return {
        "case_id": reviewed.case_id,
        "customer_id": reviewed.customer_id,
        "kind": reviewed.kind,
        "grade_id": reviewed.grade_id,
        "run_id": reviewed.run_id,
        "status": reviewed.status,
        "level": label(level.id, policy.levels),
        "version": reviewed.version,
        "reasons": list(reviewed.reasons),
        "score": reviewed.score,
        "tier_id": reviewed.tier_id,
        "opened_at": reviewed.opened_at,
        "due_at": reviewed.due_at,
        "late": reviewed.is_late(now),
        "claimed_by": reviewed.claimed_by,
        "claimed_at": reviewed.claimed_at,
        "escalated_at": reviewed.escalated_at,
        "votes_cast": sum(at == reviewed.level for at, _ in cast),
        "quorum": level.quorum,
        "decision": reviewed.decision and _decision(reviewed.decision, policy),
        "closed_at": reviewed.closed_at,
        "closed_by": reviewed.closed_by,
    }


def _decision(decision: Decision, policy: PanelPolicy) -> schemas.Decision:
    return schemas.Decision(
        tier_id=decision.tier_id,
        outcome=decision.outcome,
        reason=label(decision.reason, policy.reasons),
        text=text_of(decision.texts["en"], decision.texts["zh-CN"]),
        decided_at=decision.at,
        decided_by=decision.by,
        holds_until=decision.holds_until,
        agreement=decision.agreement,
    )


def _vote(vote: votes.Vote, policy: PanelPolicy) -> schemas.Vote:
    level = policy.levels[min(vote.level, len(policy.levels) - 1)]
    return schemas.Vote(
        sequence=vote.sequence,
        level=label(level.id, policy.levels),
        voter=vote.voter,
        seat=label(vote.seat, policy.seats),
        tier_id=vote.tier_id,
        reason=label(vote.reason, policy.reasons),
        text=vote.text,
        confidence=vote.confidence,
        at=vote.at,
        commitment=vote.commitment,
        salt=vote.salt,
    )
