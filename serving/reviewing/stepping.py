"""Taking one step with one case: read it locked, change it, record it, or do nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from serving.audit import record
from serving.domain.case import ReviewCase
from serving.domain.event import Happening
from serving.errors import ConflictError, FourEyesError, ReviewNotFoundError, StaleError
from serving.store.appeals import Appeals
from serving.store.reviews import Reviews
from serving.store.session import Database, Session
from tiering.panel.policy import PanelPolicy


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who takes a step, when (naive UTC), and on which versions of the case (None: on any)."""

    id: str
    at: datetime
    versions: Collection[int] | None = None


Change = Callable[[Session, ReviewCase], tuple[ReviewCase, Sequence[Happening]]]


def take_step(database: Database, case_id: str, who: Reviewer, change: Change) -> ReviewCase:
    """Take a step with a case in one transaction.

    Two who race for a case come one after the other: the second finds it as the first left it.

    Raises
    ------
    ReviewNotFoundError
        If there is no such case.
    StaleError
        If the case has another version than those the reviewer has seen.
    ConflictError
        If the case moved on after all while the step was taken.
    """
    with database.write() as session:
        reviews = Reviews(session)
        case = reviews.locked(case_id)
        if case is None:
            raise case_not_found(case_id)
        if who.versions is not None and case.version not in who.versions:
            raise StaleError(
                f"The case is at version {case.version}, not at "
                f"{', '.join(map(str, sorted(who.versions))) or 'any that can be named'}.",
                hint="Read it again; its ETag is the version.",
                version=case.version,
            )
        changed, happenings = change(session, case)
        after = replace(changed, version=case.version + 1)
        if not reviews.step(after, case.version):
            raise ConflictError(
                "Somebody else took a step with this case at the same moment.",
                hint="Read it again.",
                version=case.version,
            )
        record(session, happenings, at=who.at, actor=who.id)
        return after


def excluded(session: Session, case: ReviewCase, *, below: bool = True) -> dict[str, str]:
    """Return who may have no part in a case, and why.

    Those who voted at a level below; in an appeal, also those who led, voted on or decided what
    is appealed, and whoever filed it.

    Parameters
    ----------
    below
        Whether those of the levels below count.
    """
    reviews = Reviews(session)
    out = {
        voter: "voted at the level below"
        for level, voter in reviews.voters([case.case_id])[case.case_id]
        if below and level < case.level
    }
    appeal = Appeals(session).of_case(case.case_id)
    if appeal is None:
        return out
    out[appeal.filed_by] = "filed the appeal"
    contested = appeal.contested_case_id and reviews.get(appeal.contested_case_id)
    if contested:
        why = "had a part in what is appealed"
        out |= {voter: why for _, voter in reviews.voters([contested.case_id])[contested.case_id]}
        decided_by = contested.decision.by if contested.decision else None
        people = (contested.claimed_by, contested.closed_by, decided_by)
        out |= {person: why for person in people if person}
    return out


def check_independent(session: Session, case: ReviewCase, who: Reviewer) -> None:
    """Refuse somebody who has had a part in what a case looks at.

    Raises
    ------
    FourEyesError
        If they have.
    """
    why = excluded(session, case).get(who.id)
    if why is not None:
        raise FourEyesError(
            f"{who.id} {why}; somebody else has to take this step.",
            hint="Ask another member of the panel.",
        )


def told(action: str, case: ReviewCase, **payload: object) -> Happening:
    """Return what happened to a case, with its customer."""
    return Happening(action, f"case:{case.case_id}", {"customer_id": case.customer_id, **payload})


def escalated(
    case: ReviewCase, policy: PanelPolicy, at: datetime, why: str
) -> tuple[ReviewCase, Happening]:
    """Return a case at the level above, open, with more time; there must be one.

    Parameters
    ----------
    why
        ``contested``, ``late``, or what somebody said.
    """
    level = case.level + 1
    after = replace(
        case,
        level=level,
        due_at=policy.extended(case.due_at, at, level),
        escalated_at=at,
        claimed_by=None,
        claimed_at=None,
    )
    happening = told(
        "case.escalated",
        case,
        why=why,
        level=policy.levels[level].id,
        due_at=after.due_at.isoformat(),
    )
    return after, happening


def case_not_found(case_id: str) -> ReviewNotFoundError:
    """Return the error for a case that is not there."""
    return ReviewNotFoundError(
        f"There is no case {case_id!r}.", hint="Take the case_id from /v1/reviews.", case_id=case_id
    )
