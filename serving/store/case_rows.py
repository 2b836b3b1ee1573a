"""Between rows of review cases and the objects of the domain."""

from __future__ import annotations

from serving.domain.case import CaseKind, CaseOutcome, CaseStatus, Decision, ReviewCase
from serving.store.tables import ReviewCaseRow


def case_values(case: ReviewCase) -> dict[str, object]:
    """Return the columns of a case."""
    return {
        "case_id": case.case_id,
        "grade_id": case.grade_id,
        "run_id": case.run_id,
        "customer_id": case.customer_id,
        "status": case.status.value,
        "reasons": list(case.reasons),
        "score": case.score,
        "tier_id": case.tier_id,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "closed_at": case.closed_at,
        "kind": case.kind.value,
        "policy": case.policy,
        "level": case.level,
        "version": case.version,
        "claimed_by": case.claimed_by,
        "claimed_at": case.claimed_at,
        "escalated_at": case.escalated_at,
        "closed_by": case.closed_by,
        **_decision_values(case.decision),
    }


def case_of(row: ReviewCaseRow) -> ReviewCase:
    """Return the case of a row."""
    return ReviewCase(
        case_id=row.case_id,
        grade_id=row.grade_id,
        run_id=row.run_id,
        customer_id=row.customer_id,
        status=CaseStatus(row.status),
        reasons=tuple(row.reasons),
        score=row.score,
        tier_id=row.tier_id,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
        kind=CaseKind(row.kind),
        policy=row.policy,
        level=row.level,
        version=row.version,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        escalated_at=row.escalated_at,
        decision=_decision_of(row),
        closed_by=row.closed_by,
    )


_DECISION = (
    *("decided_at", "decided_by", "decided_tier_id", "outcome", "holds_until"),
    *("decision_reason", "decision_texts", "decision_level", "votes", "agreement"),
)


def _decision_values(decision: Decision | None) -> dict[str, object]:
    if decision is None:
        return dict.fromkeys(_DECISION)
    return {
        "decided_at": decision.at,
        "decided_by": decision.by,
        "decided_tier_id": decision.tier_id,
        "outcome": decision.outcome.value,
        "holds_until": decision.holds_until,
        "decision_reason": decision.reason,
        "decision_texts": dict(decision.texts),
        "decision_level": decision.level,
        "votes": decision.votes,
        "agreement": decision.agreement,
    }


def _decision_of(row: ReviewCaseRow) -> Decision | None:
    if row.decided_at is None:
        return None
    columns = {name: getattr(row, name) for name in _DECISION}
    return Decision(
        tier_id=columns["decided_tier_id"],
        outcome=CaseOutcome(columns["outcome"]),
        reason=columns["decision_reason"],
        texts=columns["decision_texts"],
        at=columns["decided_at"],
        by=columns["decided_by"],
        holds_until=columns["holds_until"],
        level=columns["decision_level"],
        votes=columns["votes"],
        agreement=columns["agreement"],
    )
