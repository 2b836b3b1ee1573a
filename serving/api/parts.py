"""Parts that grades and other answers are made of."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Instant = Annotated[
    datetime, PlainSerializer(lambda at: f"{at.isoformat(timespec='seconds')}Z", return_type=str)
]


class Out(BaseModel):
    """Root of everything that is answered."""

    model_config = ConfigDict(
        frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True
    )


class Text(Out):
    """The same words in both languages."""

    en: str
    zh_cn: str = Field(alias="zh-CN")


class Tier(Out):
    """A tier; index 0 is the best.

    ``cut``: inclusive lower bound in score points, null where rules or a matrix decide.
    """

    id: str
    index: int
    label: Text
    cut: float | None


class Margin(Out):
    """Distance to the neighbouring tiers in score points.

    ``up``: missing to the next better tier, null in the best one.
    ``down``: above the own tier's lower bound, null in the lowest one.
    """

    up: float | None
    next_tier: Tier | None
    down: float | None


class Churn(Out):
    """Probability (0 to 1) of no purchase within the horizon after ``as_of``."""

    probability: float | None
    horizon_days: int


class LifetimeValue(Out):
    """Expected net value within the horizon after ``as_of``, with its interval."""

    value: float | None
    lower: float | None
    upper: float | None
    horizon_days: int
    currency: str


class DimensionScore(Out):
    """Score (0 to 100) of one dimension; null when it has no data."""

    id: str
    label: Text
    weight: float
    score: float | None


class Stage(Out):
    """A stage of a lifecycle; its id is unique inside its scheme."""

    id: str
    label: Text


class Lifecycle(Out):
    """A lifecycle scheme with its stages, as a customer passes through them."""

    id: str
    version: str
    sha256: str
    title: Text
    stages: list[Stage]


class LifecycleStage(Out):
    """Where the customer stands in one lifecycle; ``stage`` is unique inside its scheme."""

    scheme: str
    version: str
    title: Text
    stage: str
    label: Text


class Segment(Out):
    """A class beside the tier, without an order; its id is unique inside its scheme."""

    id: str
    label: Text


class Tenure(Out):
    """How the tier came to be held: steadied over time by the scheme's migration policy.

    ``raw_tier`` is what the figures of the day alone give. ``codes`` begin with what happened at
    this assessment; ``days_left`` until a pending move takes effect.
    """

    raw_tier: str
    since: date | None
    pending_since: date | None
    days_left: float | None
    codes: list[str]
    texts: list[Text]


class PolicyPack(Out):
    """What the tier is promised, with the customer's own risk terms; null: no promise.

    ``resource_share`` is a parameter of each tier, not a partition of one whole.
    """

    response_hours: float | None
    solution_hours: float | None
    emergency_minutes: list[int]
    major_hours: float | None
    payment_terms_days: int | None
    prepay: bool
    resource_share: float | None
    contacts_per_quarter: float | None
    executive_visits_per_month: float | None
    callback_days: float | None
    complaint_confirm_hours: float
    complaint_diagnose_hours: float
    complaint_solve_working_days: float
    complaint_escalate_hours: float
    text: Text
    risk: str | None = Field(description="Risk whose terms replaced those of the tier.")
    risk_text: Text | None


class Reason(Out):
    """Why people look at the grade, or what to bear in mind."""

    code: str
    text: Text


class Referral(Out):
    """Whether the expert panel has to look; ``case_id`` is its open case."""

    referred: bool
    reasons: list[Reason]
    case_id: str | None
    due_at: Instant | None


class GradeOverride(Out):
    """What a panel decided about the tier, and until when it holds.

    ``tier`` is the panel's and holds; ``model_tier`` is what model and scheme say without it.
    """

    override_id: str
    case_id: str
    tier: Tier
    model_tier: Tier
    reason: str
    text: Text
    decided_at: Instant
    until: Instant


class Model(Out):
    """Which model a grade rests on; no version means it was never registered.

    ``side``: a canary is a second model that grades a share of the customers.
    """

    version: str | None
    bundle_digest: str
    trained_as_of: date | None
    side: Literal["champion", "canary"] = "champion"


class Scheme(Out):
    """Which grading scheme decided."""

    id: str
    version: str
    sha256: str
