"""How the review loop works: answered in time, agreement, overrides, escalations (FIELD 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serving.domain.appeal import AppealOutcome
from serving.domain.case import CaseOutcome, CaseStatus
from serving.domain.recovery import RecoveryOutcome
from serving.store.appeals import Appeals
from serving.store.recoveries import Recoveries, WantedRecoveries
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
    observed, observed_late
        Customers under observation now, and those without the plan that was due (#91).
    plans_in_time
        Share of the first recovery plans that were recorded by their due date.
    recovered, downgraded
        Customers who left observation for a better tier, or a worse one.
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
    observed: int
    observed_late: int
    plans_in_time: float | None
    recovered: int
    downgraded: int


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
    recoveries = Recoveries(session)
    plans, plans_in_time = recoveries.plans_since(since)
    ended = recoveries.closed_since(since)
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
        observed=recoveries.count(WantedRecoveries(live=True)),
        observed_late=recoveries.count(WantedRecoveries(late_at=now)),
        plans_in_time=plans_in_time / plans if plans else None,
        recovered=ended[RecoveryOutcome.RECOVERED],
        downgraded=ended[RecoveryOutcome.DOWNGRADED],
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
