"""What a run does to the review queue.

It may renew or withdraw what nobody has taken on. What somebody has claimed, what went to a level
above, and appeals stay with the grade they are about; that a run no longer refers such a customer
is recorded. A decision that still holds rests: the panel is asked again only if the tier is
another or a reason is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from serving.domain.case import CaseKind, CaseStatus, ReviewCase, case_id_of_grade
from serving.domain.event import Happening
from serving.domain.grade import Grade
from serving.reviewing.overriding import expire
from serving.reviewing.stepping import escalated, told
from serving.store.reviews import EVERYBODY, Between, Reviews
from serving.store.session import Session
from tiering.panel.policy import PanelPolicy
from tiering.panel.steps import Step, advance


@dataclass(slots=True)
class QueueChanges:
    """What became of the queue.

    Attributes
    ----------
    opened, kept, withdrawn
        Cases opened, still live from before, and withdrawn.
    rested
        Referred customers about whom a decision still holds.
    escalated
        Claimed cases that were late and went to the level above.
    """

    opened: int = 0
    kept: int = 0
    withdrawn: int = 0
    rested: int = 0
    escalated: int = 0


class QueueRenewal:
    """Renews the queue while the grades of a run come by, in parts of any size.

    Create it in the run's transaction, hand `see` all grades (those referred are enough), then
    `finish`; both return what the audit trail is told. ``changes`` counts.

    Parameters
    ----------
    now
        Naive UTC.
    customers
        Whose cases are renewed; `see` is handed the grades of these.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        policy: PanelPolicy,
        customers: Between = EVERYBODY,
    ) -> None:
        self._session = session
        self._reviews = Reviews(session)
        self._now = now
        self._policy = policy
        self._live = self._reviews.locked_cases(customers)
        self._resting = self._reviews.resting(now, customers)
        self._seen: set[str] = set()
        self.changes = QueueChanges()

    def see(self, grades: Iterable[Grade]) -> list[Happening]:
        """Take note of grades of the run."""
        opened, renewed = [], []
        for grade in grades:
            if not grade.referred:
                continue
            self._seen.add(grade.customer_id)
            live = self._live.get(grade.customer_id)
            if live is not None:
                self.changes.kept += 1
                if live.is_untouched:
                    renewed.append(_renewed(live, grade))
            elif self._rests(grade):
                self.changes.rested += 1
            else:
                opened.append(self._opened(grade))
        self._reviews.add(opened)
        self._reviews.replace(renewed)
        self.changes.opened += len(opened)
        return [_about("case.opened", case) for case in opened]

    def finish(self, actor: str) -> list[Happening]:
        """Deal with what the run did not refer, with what is late, and with ended overrides."""
        unseen = [case for customer, case in self._live.items() if customer not in self._seen]
        withdrawn = [
            replace(
                case,
                status=advance(case.status, Step.WITHDRAW),
                closed_at=self._now,
                version=case.version + 1,
            )
            for case in unseen
            if case.is_untouched
        ]
        held = [case for case in unseen if not case.is_untouched and case.kind is CaseKind.REFERRAL]
        self.changes.withdrawn = len(withdrawn)
        self.changes.kept += len(unseen) - len(withdrawn)
        self._reviews.replace(withdrawn)
        return [
            *(_about("case.withdrawn", case) for case in withdrawn),
            *(
                told("case.kept", case, why="no_longer_referred", status=case.status.value)
                for case in held
            ),
            *self._escalate(),
            *expire(self._session, self._now, actor),
        ]

    def _escalate(self) -> list[Happening]:
        above, happenings = [], []
        for case in self._live.values():
            # Nobody is at odds about an open case; it is late, and lists say so.
            stuck = case.status is CaseStatus.CLAIMED and case.is_late(self._now)
            if stuck and case.level + 1 < len(self._policy.levels):
                after, happening = escalated(case, self._policy, self._now, "late")
                status = advance(case.status, Step.ESCALATE)
                above.append(replace(after, status=status, version=case.version + 1))
                happenings.append(happening)
        self.changes.escalated = len(above)
        self._reviews.replace(above)
        return happenings

    def _rests(self, grade: Grade) -> bool:
        last = self._resting.get(grade.customer_id)
        if last is None or last.tier_id != grade.tier.id:
            return False
        return last.kind is CaseKind.APPEAL or set(grade.reasons) <= set(last.reasons)

    def _opened(self, grade: Grade) -> ReviewCase:
        return ReviewCase(
            case_id=case_id_of_grade(grade.grade_id),
            grade_id=grade.grade_id,
            run_id=str(grade.basis.run_id),
            customer_id=grade.customer_id,
            status=CaseStatus.OPEN,
            reasons=grade.reasons,
            score=grade.score,
            tier_id=grade.tier.id,
            opened_at=self._now,
            due_at=self._policy.due_at(self._now),
            closed_at=None,
            policy=self._policy.name,
        )


def _renewed(case: ReviewCase, grade: Grade) -> ReviewCase:
    return replace(
        case,
        status=advance(case.status, Step.RENEW),
        grade_id=grade.grade_id,
        run_id=str(grade.basis.run_id),
        reasons=grade.reasons,
        score=grade.score,
        tier_id=grade.tier.id,
        version=case.version + 1,
    )


def _about(action: str, case: ReviewCase) -> Happening:
    return told(
        action,
        case,
        grade_id=case.grade_id,
        reasons=list(case.reasons),
        due_at=case.due_at.isoformat(),
    )
