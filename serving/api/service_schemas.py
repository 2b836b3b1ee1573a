"""The service itself and its problems as they go over the wire."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from serving.api.parts import Instant, Lifecycle, Model, Out, Scheme, Tier


class Serving(Out):
    """What serves now: the run that is read, and the bundle that answers what-ifs."""

    run_id: str
    as_of: date
    finished_at: Instant
    customers: int
    referred: int
    world: str
    simulated: bool
    currency: str
    model: Model
    scheme: Scheme
    tiers: list[Tier]
    lifecycles: list[Lifecycle] = Field(
        description="Schemes of lifecycle stages; lists are filtered by the first."
    )
    canary: Model | None = Field(
        description="Second model, which graded a share of the customers; null: there was none."
    )
    canary_customers: int
    loaded: Model | None
    loaded_is_served: bool = Field(
        description="False between a promotion and the next batch: what-ifs then use a newer "
        "model than the stored grades."
    )


class Alive(Out):
    """The process answers."""

    status: Literal["ok"]


class Ready(Out):
    """Grades and what-ifs can be answered."""

    status: Literal["ready"]
    run_id: str
    as_of: date
    bundle_digest: str
    bundle_fault: str | None = Field(
        description="What is wrong with a newer bundle that cannot be used; null: nothing is."
    )
    canary_fault: str | None = Field(
        description="Why the canary that stands answers for nobody, so that the champion answers "
        "for everybody; null: it does, or there is none."
    )
    calendar_fault: str | None = Field(
        description="What is wrong with due dates in working days that are given now, because "
        "nobody told the service of the days off until then; null: nothing is."
    )


class Fault(BaseModel):
    """One thing wrong with a request, in the body (pointer) or beside it (parameter)."""

    detail: str
    pointer: str = ""
    parameter: str = ""


class Problem(BaseModel):
    """Every error looks like this (RFC 9457, ``application/problem+json``)."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    request_id: str = ""
    hint: str = ""
    errors: list[Fault] = []
    context: dict[str, object] = {}
