"""A customer under observation: why, as the first contact told, and what shall be done (#91).

::

    open ──contact──▶ contacted ──plan──▶ planned ──plan again──▶ planned
      └──────────────────┴─── observation ends ──┴──▶ closed

Only the first contact gives the reason, so a plan rests on one. A run opens cases and closes them;
people do the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from tiering.errors import TransitionError


class RecoveryState(StrEnum):
    """Where it stands."""

    OPEN = "open"
    CONTACTED = "contacted"
    PLANNED = "planned"
    CLOSED = "closed"


class RecoveryOutcome(StrEnum):
    """How observation ended."""

    RECOVERED = "recovered"
    """The customer stands in a better tier."""
    DOWNGRADED = "downgraded"
    """The customer stands in a worse tier."""
    ENDED = "ended"
    """Neither: graded no more, or by another scheme, or the tier is observed no more."""


@dataclass(frozen=True, slots=True)
class Contact:
    """The first contact; ``reason`` is a code of the policy's list."""

    at: datetime
    by: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """What shall be done, by whom, and where the customer shall stand when.

    Attributes
    ----------
    at
        Of the first plan; later ones change the rest.
    owner
        Who sees to it, in the house's own words.
    """

    at: datetime
    by: str
    text: str
    owner: str
    goal_tier_id: str
    goal_date: date


@dataclass(frozen=True, slots=True)
class Recovery:
    """One time under observation; a customer has at most one that is not closed.

    Attributes
    ----------
    run_id
        The run that found the customer observed.
    scheme_id, tier_id
        Where the customer stood then.
    policy
        ``id@version`` of the policy that opened it.
    opened_at, due_at
        When it was opened, and until when a plan is due; naive UTC.
    late_at
        When a run found it without a plan and told so.
    plans
        How often a plan was recorded.
    """

    recovery_id: str
    customer_id: str
    run_id: str
    scheme_id: str
    tier_id: str
    policy: str
    opened_at: datetime
    due_at: datetime
    contact: Contact | None = None
    plan: RecoveryPlan | None = None
    plans: int = 0
    late_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: RecoveryOutcome | None = None

    @property
    def state(self) -> RecoveryState:
        """Where it stands."""
        if self.closed_at is not None:
            return RecoveryState.CLOSED
        if self.plan is not None:
            return RecoveryState.PLANNED
        return RecoveryState.OPEN if self.contact is None else RecoveryState.CONTACTED

    def is_late(self, now: datetime) -> bool:
        """Tell whether it has no plan although one was due."""
        return self.closed_at is None and self.plan is None and self.due_at < now

    def contacted(self, contact: Contact) -> Recovery:
        """Return it with its first contact.

        Raises
        ------
        TransitionError
            If there was one, or it is closed.
        """
        if self.state is not RecoveryState.OPEN:
            raise TransitionError(
                f"The case is {self.state}; the first contact cannot be recorded."
            )
        return replace(self, contact=contact)

    def planned(self, plan: RecoveryPlan) -> Recovery:
        """Return it with a plan, the first or a better one.

        Raises
        ------
        TransitionError
            If nobody has contacted the customer yet, or it is closed.
        """
        if self.state not in (RecoveryState.CONTACTED, RecoveryState.PLANNED):
            raise TransitionError(
                f"The case is {self.state}; a plan cannot be recorded.",
                hint="Record the first contact with its reason before."
                if self.state is RecoveryState.OPEN
                else "",
            )
        first = self.plan.at if self.plan is not None else plan.at
        return replace(self, plan=replace(plan, at=first), plans=self.plans + 1)


def recovery_id_of_grade(own: str, grade_id: str) -> str:
    """Return the id of what a grade opens: the run's own beginning, and the place of the grade.

    So ids come in the order of those of the grades, and go to the end of the index over them.
    """
    return own + grade_id[16:]
