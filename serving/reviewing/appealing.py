"""Filing an appeal: a case of its own, answered by others than those who decided (#95)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from serving.audit import record
from serving.domain.appeal import Appeal
from serving.domain.case import CaseKind, CaseStatus, ReviewCase, case_id_of
from serving.domain.event import Happening
from serving.domain.grade import Grade
from serving.errors import (
    ConflictError,
    CustomerNotFoundError,
    InvalidRequestError,
    NotReadyError,
    RequestFault,
    ReviewNotFoundError,
)
from serving.reviewing.overriding import under_overrides
from serving.reviewing.stepping import Reviewer, told
from serving.store.appeals import Appeals
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database, Session
from tiering.errors import TransitionError
from tiering.panel.policy import PanelPolicy
from tiering.panel.steps import Step, advance


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a customer says against its tier.

    Attributes
    ----------
    wanted_tier_id
        Where it asks to stand; the next better tier by default.
    """

    customer_id: str
    reason: str
    evidence: Sequence[str] = ()
    wanted_tier_id: str | None = None


def file_appeal(
    database: Database, said: Complaint, who: Reviewer, policy: PanelPolicy
) -> tuple[Appeal, ReviewCase]:
    """File an appeal of a customer against the tier it stands in.

    A referral that waits for the panel gives way to it. A decision that still holds becomes
    appealed; those who had a part in it have none in the answer.

    Raises
    ------
    CustomerNotFoundError
        If the customer has no grade in the served run.
    InvalidRequestError
        If the tier asked for is no better one.
    ConflictError
        If an appeal of the customer is waiting already.
    TransitionError
        If the time to appeal is over, or an appeal was answered by the decision that holds.
    """
    with database.write() as session:
        grade = _grade_now(session, said.customer_id, who.at)
        wanted = _wanted(grade, said.wanted_tier_id)
        happenings = _give_way(session, said.customer_id)
        contested = _contested(session, said.customer_id, who.at, policy)
        if contested is not None:
            happenings.append(told("case.appealed", contested))
        appeal_id = secrets.token_hex(16)
        case = ReviewCase(
            case_id=case_id_of("appeal", appeal_id),
            grade_id=grade.grade_id,
            run_id=str(grade.basis.run_id),
            customer_id=grade.customer_id,
            status=CaseStatus.OPEN,
            reasons=(),
            score=grade.score,
            tier_id=(grade.overruled.model_tier if grade.overruled else grade.tier).id,
            opened_at=who.at,
            due_at=policy.due_at(who.at),
            closed_at=None,
            kind=CaseKind.APPEAL,
            policy=policy.name,
        )
        appeal = Appeal(
            appeal_id=appeal_id,
            customer_id=grade.customer_id,
            case_id=case.case_id,
            contested_case_id=contested.case_id if contested else None,
            contested_tier_id=grade.tier.id,
            wanted_tier_id=wanted,
            reason=said.reason,
            evidence=tuple(said.evidence),
            filed_at=who.at,
            filed_by=who.id,
        )
        Reviews(session).add([case])
        Appeals(session).add(appeal)
        happenings += [
            _filed(appeal, case),
            told(
                "case.opened",
                case,
                grade_id=case.grade_id,
                reasons=[],
                kind=case.kind.value,
                due_at=case.due_at.isoformat(),
            ),
        ]
        record(session, happenings, at=who.at, actor=who.id)
        return appeal, case


def appeal_not_found(appeal_id: str) -> ReviewNotFoundError:
    """Return the error for an appeal that is not there."""
    return ReviewNotFoundError(
        f"There is no appeal {appeal_id!r}.",
        hint="Take the appeal_id from /v1/appeals.",
        appeal_id=appeal_id,
    )


def _grade_now(session: Session, customer_id: str, now: datetime) -> Grade:
    grades = Grades(session)
    run = grades.current_run()
    if run is None:
        raise NotReadyError("No customers have been graded yet.", hint="Run tierwise batch.")
    grade = grades.of(customer_id, run)
    if grade is None:
        raise CustomerNotFoundError(
            f"Customer {customer_id!r} has no grade in run {run.run_id}.",
            hint="Only a grade can be appealed; check the id.",
            customer_id=customer_id,
            run_id=run.run_id,
        )
    return under_overrides(session, [grade], now)[0]


def _wanted(grade: Grade, asked: str | None) -> str:
    better = [tier.id for tier in grade.basis.tiers[: grade.tier.index]]
    if not better:
        raise InvalidRequestError("The customer stands in the best tier already.")
    if asked is None:
        return better[-1]
    if asked not in better:
        raise InvalidRequestError(
            "The appeal does not ask for a better tier.",
            [RequestFault(f"One of: {', '.join(better)}.", "#/wanted_tier_id")],
        )
    return asked


def _give_way(session: Session, customer_id: str) -> list[Happening]:
    """Withdraw the customer's live referral, if there is one."""
    reviews = Reviews(session)
    found = reviews.open_case_of(customer_id)
    # Read again under a lock: somebody may have decided it meanwhile.
    live = found and reviews.locked(found.case_id)
    if live is None or not live.is_live:
        return []
    if live.kind is CaseKind.APPEAL:
        raise ConflictError(
            "An appeal of this customer is waiting for its answer.",
            hint=f"See case {live.case_id}.",
            case_id=live.case_id,
        )
    status = advance(live.status, Step.SUPERSEDE)
    reviews.replace([replace(live, status=status, version=live.version + 1)])
    return [told("case.withdrawn", live, why="superseded_by_appeal", reasons=list(live.reasons))]


def _contested(
    session: Session, customer_id: str, now: datetime, policy: PanelPolicy
) -> ReviewCase | None:
    """Return the decision that is appealed, noted as such; None if none holds."""
    reviews = Reviews(session)
    last = reviews.decided_last(customer_id)
    if last is None or last.decision is None or last.decision.holds_until <= now:
        return None
    if last.kind is CaseKind.APPEAL:
        raise TransitionError(
            "An appeal was answered, and the answer still holds.",
            hint=f"It holds until {last.decision.holds_until.isoformat()}Z.",
            state=last.status.value,
        )
    until = policy.appealable_until(last.decision.at)
    if now > until:
        raise TransitionError(
            f"The time to appeal ended on {until.date().isoformat()}.",
            hint=f"The decision holds until {last.decision.holds_until.isoformat()}Z.",
            state=last.status.value,
        )
    after = replace(last, status=advance(last.status, Step.APPEAL), version=last.version + 1)
    reviews.replace([after])
    return after


def _filed(appeal: Appeal, case: ReviewCase) -> Happening:
    return Happening(
        "appeal.filed",
        f"appeal:{appeal.appeal_id}",
        {
            "customer_id": appeal.customer_id,
            "case_id": case.case_id,
            "contested_case_id": appeal.contested_case_id,
            "contested_tier_id": appeal.contested_tier_id,
            "wanted_tier_id": appeal.wanted_tier_id,
            "reason": appeal.reason,
            "evidence": list(appeal.evidence),
            "due_at": case.due_at.isoformat(),
        },
    )
