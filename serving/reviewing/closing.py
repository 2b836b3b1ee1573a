"""Signing a decided case off; of an appeal, this is the answer to the customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from serving.domain.appeal import outcome_of
from serving.domain.case import ReviewCase
from serving.domain.event import Happening
from serving.domain.overruling import under
from serving.errors import FourEyesError
from serving.reviewing.answers import answer_to
from serving.reviewing.stepping import Reviewer, excluded, take_step, told
from serving.store.appeals import Appeals
from serving.store.grades import Grades
from serving.store.overrides import Overrides
from serving.store.session import Database, Session
from tiering.panel.policy import PanelPolicy
from tiering.panel.steps import Step, advance
from training.bundle import Bundle


def close(
    database: Database,
    case_id: str,
    who: Reviewer,
    policy: PanelPolicy,
    bundle: Bundle | None,
    notes: Mapping[str, str] | None = None,
) -> ReviewCase:
    """Sign a decided case off.

    Parameters
    ----------
    bundle
        The model that is loaded; it tells what would lift the tier, if it is the one the case's
        grade was made with.
    notes
        Words to the customer, by language, that go into the answer of an appeal.

    Raises
    ------
    TransitionError
        If the case is not decided.
    FourEyesError
        If they counted the votes, or had a part in what is appealed.
    """

    def change(session: Session, case: ReviewCase) -> tuple[ReviewCase, Sequence[Happening]]:
        status = advance(case.status, Step.CLOSE)
        decision = case.decision
        assert decision is not None
        why = excluded(session, case, below=False).get(who.id)
        if decision.by == who.id:
            why = "counted the votes"
        if why is not None:
            raise FourEyesError(
                f"{who.id} {why}; somebody else has to sign it off.",
                hint="Ask another member of the panel.",
            )
        after = replace(case, status=status, closed_at=who.at, closed_by=who.id)
        happenings = [
            told("case.closed", case, tier_id=decision.tier_id, outcome=decision.outcome.value)
        ]
        happenings += _answered(session, after, who, policy, bundle, notes or {})
        return after, happenings

    return take_step(database, case_id, who, change)


def _answered(
    session: Session,
    case: ReviewCase,
    who: Reviewer,
    policy: PanelPolicy,
    bundle: Bundle | None,
    notes: Mapping[str, str],
) -> list[Happening]:
    appeals = Appeals(session)
    appeal = appeals.of_case(case.case_id)
    if appeal is None:
        return []
    grades = Grades(session)
    found = grades.one(case.grade_id)
    assert found is not None  # a foreign key
    assert case.decision is not None
    _, grade = found
    outcome = outcome_of(appeal, case.decision.tier_id, grade.basis.tiers)
    answer = answer_to(
        appeal,
        outcome,
        case.decision,
        under(grade, Overrides(session).of_case(case.case_id)),
        grades.explanation(grade),
        {reason.id: reason for reason in policy.reasons}.get(case.decision.reason),
        bundle,
        notes,
    )
    done = replace(appeal, outcome=outcome, answered_at=who.at, answered_by=who.id, answer=answer)
    appeals.answer(done)
    return [
        Happening(
            "appeal.answered",
            f"appeal:{appeal.appeal_id}",
            {
                "customer_id": appeal.customer_id,
                "case_id": case.case_id,
                "outcome": outcome.value,
                "tier_id": case.decision.tier_id,
                "answer": {lang: list(said) for lang, said in answer.items()},
                "in_time": who.at <= case.due_at,
            },
        )
    ]
