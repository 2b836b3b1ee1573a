"""What a run does to the review queue, some customers at a time."""

from __future__ import annotations

from collections.abc import Iterator

from serving.domain.case import Referrals, ReviewCase, refer
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Session


def refer_all(session: Session, run: Run) -> Iterator[Referrals]:
    """Write what a run does to the review queue, and yield it, some customers at a time."""
    reviews = Reviews(session)
    waiting = reviews.open_cases()
    for grades in Grades(session).referred(run):
        ids = [grade.customer_id for grade in grades]
        mine = {customer: waiting.pop(customer) for customer in ids if customer in waiting}
        yield _written(reviews, refer(grades, mine, run.finished_at))
    # Whoever still waits is not referred any more, or not graded at all.
    yield _written(reviews, refer((), waiting, run.finished_at))


def _written(reviews: Reviews, referrals: Referrals) -> Referrals:
    reviews.add(referrals.opened)
    reviews.replace(referrals.renewed + referrals.withdrawn)
    return referrals


def about_cases(referrals: Referrals) -> list[Happening]:
    """Return what the audit trail is told of cases."""
    return [
        *(_about("case.opened", case) for case in referrals.opened),
        *(_about("case.withdrawn", case) for case in referrals.withdrawn),
    ]


def _about(action: str, case: ReviewCase) -> Happening:
    payload = {
        "customer_id": case.customer_id,
        "grade_id": case.grade_id,
        "reasons": list(case.reasons),
        "due_at": case.due_at.isoformat(),
    }
    return Happening(action, f"case:{case.case_id}", payload)
