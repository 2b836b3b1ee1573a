"""What people do with a customer under observation: the first contact, and the plan (#91)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from serving.audit import record
from serving.domain.event import Happening
from serving.domain.recovery import Contact, Recovery, RecoveryPlan
from serving.errors import InvalidRequestError, RequestFault, ReviewNotFoundError
from serving.reviewing.observing import told
from serving.store.grades import Grades
from serving.store.recoveries import Recoveries
from serving.store.session import Database, Session
from tiering.panel.policy import PanelPolicy


@dataclass(frozen=True, slots=True)
class Intention:
    """What a plan says; see `serving.domain.recovery.RecoveryPlan`."""

    text: str
    owner: str
    goal_tier_id: str
    goal_date: date


def record_contact(
    database: Database, recovery_id: str, policy: PanelPolicy, contact: Contact
) -> Recovery:
    """Record the first contact with its reason.

    Raises
    ------
    ReviewNotFoundError
        If there is no such case.
    InvalidRequestError
        If the policy has no such reason.
    TransitionError
        If there was a contact, or the case is closed.
    """
    known = policy.observation.reasons if policy.observation is not None else ()
    ids = [each.id for each in known]

    def step(_session: Session, case: Recovery) -> tuple[Recovery, Happening]:
        if contact.reason not in ids:
            raise _wrong("/reason", f"One of: {', '.join(ids)}.")
        after = case.contacted(contact)
        more = {"reason": contact.reason, "note": contact.note}
        return after, told("recovery.contacted", after, **more)

    return _step(database, recovery_id, contact.at, contact.by, step)


def record_plan(
    database: Database, recovery_id: str, wanted: Intention, *, at: datetime, by: str
) -> Recovery:
    """Record the recovery plan, the first or one that takes its place.

    Raises
    ------
    ReviewNotFoundError
        If there is no such case.
    InvalidRequestError
        If the goal is no better tier of the scheme, or lies in the past.
    TransitionError
        If nobody has contacted the customer yet, or the case is closed.
    """

    def step(session: Session, case: Recovery) -> tuple[Recovery, Happening]:
        plan = RecoveryPlan(
            at, by, wanted.text, wanted.owner, wanted.goal_tier_id, wanted.goal_date
        )
        after = case.planned(plan)
        better = _better(session, case)
        if wanted.goal_tier_id not in better:
            raise _wrong("/goal_tier_id", f"A tier above the present one: {', '.join(better)}.")
        if wanted.goal_date < at.date():
            raise _wrong("/goal_date", "Today or later.")
        return after, told(
            "recovery.planned",
            after,
            plans=after.plans,
            plan=wanted.text,
            owner=wanted.owner,
            goal_tier_id=wanted.goal_tier_id,
            goal_date=wanted.goal_date.isoformat(),
            in_time=at <= case.due_at,
        )

    return _step(database, recovery_id, at, by, step)


def recovery_not_found(recovery_id: str) -> ReviewNotFoundError:
    """Return the error for a case that is not there."""
    return ReviewNotFoundError(
        f"There is no recovery case {recovery_id!r}.",
        hint="Take the recovery_id from /v1/recoveries.",
        recovery_id=recovery_id,
    )


def _step(
    database: Database,
    recovery_id: str,
    at: datetime,
    by: str,
    change: Callable[[Session, Recovery], tuple[Recovery, Happening]],
) -> Recovery:
    # Who writes is alone (serving.store.engines), so what is read here stays as it is.
    with database.write() as session:
        store = Recoveries(session)
        before = store.get(recovery_id)
        if before is None:
            raise recovery_not_found(recovery_id)
        after, happening = change(session, before)
        store.replace([after])
        record(session, [happening], at=at, actor=by)
        return after


def _better(session: Session, case: Recovery) -> tuple[str, ...]:
    """Return the tiers above the one that is observed, best first."""
    run = Grades(session).run(case.run_id)
    ids = [tier.id for tier in run.basis.tiers] if run is not None else []
    return tuple(ids[: ids.index(case.tier_id)]) if case.tier_id in ids else ()


def _wrong(pointer: str, detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        "The case cannot take this step like this.", [RequestFault(detail, f"#{pointer}")]
    )
