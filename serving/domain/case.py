"""A review case: a customer whose grade people have to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from serving.domain.grade import Grade

ANSWER_WORKING_DAYS = 5
"""Working days the committee has for its answer (#95)."""


class CaseStatus(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    """A later run no longer refers the customer; nobody has to decide."""


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A customer referred to review; at most one open case per customer.

    Attributes
    ----------
    grade_id, run_id
        The latest grade that referred the customer.
    reasons
        Codes of ``tiering.referral.REASONS``.
    score, tier_id
        Of that grade.
    opened_at, due_at, closed_at
        Instants, naive UTC; a later run that refers again does not move the due date.
    """

    case_id: str
    grade_id: str
    run_id: str
    customer_id: str
    status: CaseStatus
    reasons: tuple[str, ...]
    score: float
    tier_id: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None


def due_at(opened_at: datetime, working_days: int = ANSWER_WORKING_DAYS) -> datetime:
    """Return the instant ``working_days`` (Monday to Friday) after ``opened_at``.

    Public holidays are not known here and count as working days.
    """
    due = opened_at
    remaining = working_days
    while remaining > 0:
        due += timedelta(days=1)
        if due.weekday() < 5:
            remaining -= 1
    return due


@dataclass(frozen=True, slots=True)
class Referrals:
    """What a run does to the review queue.

    Attributes
    ----------
    opened
        New cases.
    renewed
        Cases open from before, now about the run's grade; opened and due as they were.
    withdrawn
        Cases of customers that the run does not refer, or does not grade at all.
    """

    opened: tuple[ReviewCase, ...]
    renewed: tuple[ReviewCase, ...]
    withdrawn: tuple[ReviewCase, ...]


def refer(grades: Iterable[Grade], before: Mapping[str, ReviewCase], now: datetime) -> Referrals:
    """Decide what becomes of the review queue after a run.

    Parameters
    ----------
    grades
        All grades of the run.
    before
        Open cases by customer id.
    """
    referred = {grade.customer_id: grade for grade in grades if grade.referred}
    cases = {
        customer: _case(grade, before.get(customer), now) for customer, grade in referred.items()
    }
    return Referrals(
        opened=tuple(case for customer, case in cases.items() if customer not in before),
        renewed=tuple(case for customer, case in cases.items() if customer in before),
        withdrawn=tuple(
            replace(case, status=CaseStatus.WITHDRAWN, closed_at=now)
            for customer, case in before.items()
            if customer not in referred
        ),
    )


def _case(grade: Grade, old: ReviewCase | None, now: datetime) -> ReviewCase:
    return ReviewCase(
        case_id=old.case_id if old else _case_id(grade),
        grade_id=grade.grade_id,
        run_id=str(grade.basis.run_id),
        customer_id=grade.customer_id,
        status=CaseStatus.OPEN,
        reasons=grade.reasons,
        score=grade.score,
        tier_id=grade.tier.id,
        opened_at=old.opened_at if old else now,
        due_at=old.due_at if old else due_at(now),
        closed_at=None,
    )


def _case_id(grade: Grade) -> str:
    return hashlib.sha256(f"case\0{grade.grade_id}".encode()).hexdigest()[:32]
