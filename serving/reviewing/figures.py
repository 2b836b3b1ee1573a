"""How the review loop works: answered in time, agreement, overrides, escalations (FIELD 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serving.domain.appeal import AppealOutcome
from serving.domain.case import CaseOutcome, CaseStatus
from serving.store.appeals import Appeals
from serving.store.reviews import Reviews, WantedCases
from serving.store.session import Session


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """Figures of the reviews since an instant; shares are 0 to 1, None without any case.

    Attributes
    ----------
    open, claimed, late
        Now.
    decided_in_time
        Share of the decisions that came by the due date.
    agreement
        Mean share of the votes that the decided tier had.
    overridden
        Decisions for another tier than that of model and scheme.
    answered_in_time
        Share of the appeals that were answered within the days promised (#95).
    """

    open: int
    claimed: int
    late: int
    decided: int
    decided_in_time: float | None
    agreement: float | None
    overridden: int
    escalated: int
    appeals_answered: int
    answered_in_time: float | None
    upheld: int
    partly: int
    rejected: int


def review_figures(session: Session, since: datetime, now: datetime) -> ReviewFigures:
    """Return the figures of what was decided and answered since an instant."""
    reviews = Reviews(session)
    decided = reviews.decided_since(since)
    appeals = Appeals(session).answered_since(since)
    in_time = [
        appeal.answered_at <= case.due_at
        for appeal in appeals
        for case in (reviews.get(appeal.case_id),)
        if case is not None and appeal.answered_at is not None
    ]
    outcomes = [appeal.outcome for appeal in appeals]
    decisions = [(case, case.decision) for case in decided if case.decision is not None]
    return ReviewFigures(
        open=reviews.count(CaseStatus.OPEN),
        claimed=reviews.count(CaseStatus.CLAIMED),
        late=reviews.page(WantedCases(late_at=now), limit=1).total,
        decided=len(decided),
        decided_in_time=_mean([float(each.at <= case.due_at) for case, each in decisions]),
        agreement=_mean([each.agreement for _, each in decisions]),
        overridden=sum(each.outcome is CaseOutcome.OVERRIDDEN for _, each in decisions),
        escalated=reviews.escalated_since(since),
        appeals_answered=len(appeals),
        answered_in_time=_mean([float(each) for each in in_time]),
        upheld=outcomes.count(AppealOutcome.UPHELD),
        partly=outcomes.count(AppealOutcome.PARTLY),
        rejected=outcomes.count(AppealOutcome.REJECTED),
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
