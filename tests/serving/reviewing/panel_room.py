"""A panel at work on a small graded store: who is who, and what they do in one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from features.schema import IndicatorFrame
from serving.audit import verify
from serving.batch import BatchResult, run_batch
from serving.domain.case import ReviewCase
from serving.domain.event import AuditEvent
from serving.domain.grade import Grade
from serving.reviewing import steps
from serving.reviewing.closing import close
from serving.reviewing.deciding import Wording, decide
from serving.reviewing.stepping import Reviewer
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database
from tiering.panel.policy_file import packaged_panel
from training.bundle import Bundle

MONDAY = datetime(2024, 7, 1, 2)
SEATS = {
    "sales": "sales_director",
    "product": "product_manager",
    "market": "marketing_director",
    "expert": "expert",
    "chair": "chair",
}
THREE = ("sales", "product", "market")
TEXTS = {"en": "A one-off return.", "zh-CN": "一次性退货。"}
CUSTOMERS = 60


@dataclass
class Room:
    """A store with one run, a clock that tests move, and the packaged policy."""

    database: Database
    bundle: Bundle
    frame: IndicatorFrame
    now: datetime = MONDAY
    policy = packaged_panel()

    def batch(self, frame: IndicatorFrame | None = None) -> BatchResult:
        """Run the batch now."""
        given = frame or self.frame
        return run_batch(self.bundle, given, self.database, clock=lambda: self.now, force=True)

    def who(self, name: str, versions: frozenset[int] | None = None) -> Reviewer:
        """Return a person, acting now."""
        return Reviewer(f"person:{name}", self.now, versions)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def cases(self) -> list[ReviewCase]:
        """Return the live cases, by customer."""
        with self.database.read() as session:
            return [case for _, case in sorted(Reviews(session).open_cases().items())]

    def case(self, case_id: str) -> ReviewCase:
        """Return a case."""
        with self.database.read() as session:
            found = Reviews(session).get(case_id)
        assert found is not None
        return found

    def grade(self, customer_id: str) -> Grade:
        """Return a customer's grade in the served run, as computed."""
        with self.database.read() as session:
            grades = Grades(session)
            run = grades.current_run()
            assert run is not None
            found = grades.of(customer_id, run)
        assert found is not None
        return found

    def middling(self) -> ReviewCase:
        """Return a case of a customer with a tier above it and one below."""
        return next(c for c in self.cases() if 0 < self.grade(c.customer_id).tier.index < 3)

    def tier(self, case: ReviewCase, step: int = 0) -> str:
        """Return the id of the tier so many steps below that of a case."""
        grade = self.grade(case.customer_id)
        index = next(t.index for t in grade.basis.tiers if t.id == case.tier_id)
        return grade.basis.tiers[index + step].id

    def claim(self, case: ReviewCase, name: str = "sales") -> ReviewCase:
        """Claim a case."""
        return steps.claim(self.database, case.case_id, self.who(name))

    def vote(
        self, case: ReviewCase, name: str, tier_id: str, *, change: bool = False
    ) -> ReviewCase:
        """Vote."""
        said = steps.Opinion(SEATS[name], tier_id, "one_off", f"So says {name}.", 0.75, change)
        return steps.vote(self.database, case.case_id, self.who(name), said, self.policy)

    def decide(self, case: ReviewCase, name: str = "sales", days: int | None = None) -> ReviewCase:
        """Count the votes."""
        wording = Wording("one_off", TEXTS, days)
        return decide(self.database, case.case_id, self.who(name), wording, self.policy)

    def close(self, case: ReviewCase, name: str = "product") -> ReviewCase:
        """Sign off."""
        notes = {"en": "Thank you.", "zh-CN": "谢谢。"}
        return close(self.database, case.case_id, self.who(name), self.policy, self.bundle, notes)

    def settle(self, case: ReviewCase, tier_id: str) -> ReviewCase:
        """Claim, vote as one and decide."""
        self.claim(case)
        for name in THREE:
            self.vote(case, name, tier_id)
        return self.decide(case)

    def trail(self, subject: str) -> list[AuditEvent]:
        """Return what happened to something, oldest first, from a trail that verifies."""
        with self.database.read() as session:
            verify(session)
            return sorted(AuditEvents(session).about(subject), key=lambda e: e.sequence)


def some(frame: IndicatorFrame, customers: int = CUSTOMERS) -> IndicatorFrame:
    """Return the first customers of a frame."""
    kept = np.arange(len(frame)) < customers
    return replace(frame, customer_id=frame.customer_id[kept], values=frame.values[kept])
