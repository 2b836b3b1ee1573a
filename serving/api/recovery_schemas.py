"""Customers under observation as they go over the wire."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.api import recovery_examples
from serving.api.parts import Instant, Out
from serving.api.review_schemas import Id, Label, Said
from serving.domain.recovery import RecoveryOutcome, RecoveryState

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
Owner = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class FirstContact(Out):
    """The first contact with a customer under observation, and the reason it told."""

    at: Instant
    by: str
    reason: Label
    note: str


class RecoveryPlan(Out):
    """What shall be done; ``at`` is of the first plan, all else of the present one."""

    at: Instant
    by: str
    text: str
    owner: str
    goal_tier_id: str
    goal_date: date


class Recovery(Out):
    """One time under observation (#91), and until when a plan is due.

    ``scheme_id`` and ``tier_id`` are where the customer stood when it began.
    """

    recovery_id: str
    customer_id: str
    run_id: str
    scheme_id: str
    tier_id: str
    policy: str
    state: RecoveryState
    opened_at: Instant
    due_at: Instant
    late: bool = Field(description="There is no plan, and one was due.")
    contact: FirstContact | None
    plan: RecoveryPlan | None
    plans: int = Field(description="How often a plan was recorded.")
    late_at: Instant | None = Field(description="When a run found the plan missing and told so.")
    closed_at: Instant | None
    outcome: RecoveryOutcome | None


class RecoveryList(Out):
    """A page of customers under observation, earliest due first, and the reasons to choose from."""

    items: list[Recovery]
    total: int
    reasons: list[Label] = Field(description="What a first contact gives one of.")
    cursor: str | None
    next: str | None


class Contact(BaseModel):
    """The first contact: a reason of the list, and more in words."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [recovery_examples.CONTACT]}
    )

    reason: Id
    note: Note = ""


class Plan(BaseModel):
    """A recovery plan; another one takes its place."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [recovery_examples.PLAN]}
    )

    text: Said
    owner: Owner
    goal_tier_id: Id
    goal_date: date
