"""Grades and explanations as they go over the wire.

Instants are ISO 8601 in UTC; null is unknown, never 0.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from serving.api import examples
from serving.api.parts import (
    Churn,
    DimensionScore,
    GradeOverride,
    LifecycleStage,
    LifetimeValue,
    Margin,
    Model,
    Out,
    PolicyPack,
    Referral,
    Scheme,
    Segment,
    Tenure,
    Text,
    Tier,
)

Lang = Literal["en", "zh-CN"]
MAX_VALUE = 1e15
"""Beyond any money or count; larger numbers are slips and would overflow the models."""
Measured = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_VALUE, le=MAX_VALUE)]


class Grade(Out):
    """The grade of one customer. A what-if has no ``grade_id`` and no ``run_id``."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.GRADE]})

    customer_id: str | None
    grade_id: str | None
    run_id: str | None
    as_of: date
    score: float = Field(examples=[63.4], ge=0, le=100)
    tier: Tier
    margin: Margin
    churn: Churn
    ltv: LifetimeValue
    dimensions: list[DimensionScore]
    lifecycle: list[LifecycleStage] = Field(
        description="By scheme; lists are filtered by the first. Empty in runs from before stages."
    )
    segment: Segment | None = Field(
        description="Null where the scheme has none, or without data for it."
    )
    confidence: float | None = Field(
        description=(
            "Share (0 to 1) of a full grade's evidence behind this one: what the scheme looks at, "
            "less what is missing for the customer. Null in grades from before it was told."
        ),
        examples=[0.92],
    )
    tenure: Tenure | None = Field(
        description="Null in a what-if, and in grades from before tiers were held over time."
    )
    policy: PolicyPack | None = Field(description="Null where the scheme promises nothing.")
    referral: Referral
    override: GradeOverride | None = Field(
        description="Where a panel gave another tier: `tier` is the panel's, and so are margin and "
        "policy. Null where the tier is that of model and scheme."
    )
    model: Model
    scheme: Scheme
    world: str
    simulated: bool = Field(description="Whether the input data is simulated, not real.")
    masked: list[str] = Field(
        default=[],
        description="Parts that are null because they are above the clearance of whoever asks.",
    )


class GradeList(Out):
    """A page of grades, best score first; ``next`` is the address of the next page."""

    items: list[Grade]
    total: int
    run_id: str
    as_of: date
    cursor: str | None
    next: str | None


class Contribution(Out):
    """What one indicator brings through one channel, in score points.

    ``channel`` is ``direct`` or the prediction it acts through. ``points`` and ``weight``
    are those of what the scheme weighs: the indicator, or the channel's prediction.
    ``percentile`` is the value's place in the population the model was fitted on.
    """

    indicator: str
    label: Text
    channel: str
    channel_label: Text
    dimension: str
    value: float | None
    unit: str | None
    percentile: float | None
    points: float | None
    weight: float
    contribution: float


class Driver(Out):
    """An indicator's whole effect over its channels, in a sentence."""

    indicator: str
    points: float
    text: str


class Story(Out):
    """A grade in words."""

    headline: str
    base: str
    positive: list[Driver]
    negative: list[Driver]
    margin: str
    forecast: str
    referral: list[str]


class Explanation(Out):
    """An exact account: ``base`` plus the sum of all contributions is ``score`` (1e-9).

    Contributions are ordered by size; those of exactly 0 are left out.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [examples.EXPLANATION]})

    customer_id: str | None
    grade_id: str | None
    run_id: str | None
    as_of: date
    base: float
    score: float
    contributions: list[Contribution]
    texts: dict[Lang, Story]


class LiftChange(Out):
    """One indicator to move, and the points it adds to the score."""

    indicator: str
    label: Text
    unit: str
    before: float
    after: float
    points: float
    text: Text


class LiftProposal(Out):
    """Changes to make together and the grade they give, by the same function as the batch.

    Without any one of them the better tier is not reached. ``effort`` compares proposals.
    ``to_panel``: the new grade is so close to a border that a panel would confirm it.
    """

    changes: list[LiftChange]
    effort: int
    score: float
    tier: Tier
    to_panel: bool
    text: Text


class LiftSupply(Out):
    """Missing data; were they the best there is, the grade would be this tier."""

    indicators: list[str]
    tier: Tier
    text: Text


class Lift(Out):
    """What would lift the tier: the smallest feasible changes, the least effort first.

    ``proposals`` is empty in the best tier and where nothing feasible reaches the next; then
    ``attainable_score`` is the score of the most that is feasible, ``blocked`` what the tier
    asks for and no action reaches. Predictions and whatever is not named are held fixed.
    ``tier`` is that of the day's figures, which a tier held over time may differ from.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LIFT]})

    customer_id: str
    grade_id: str
    run_id: str | None
    as_of: date
    score: float
    tier: Tier
    next_tier: Tier | None
    near_border: bool = Field(description="So close below the next tier that a panel decides.")
    proposals: list[LiftProposal]
    attainable_score: float | None
    supplies: list[LiftSupply]
    blocked: list[str]
    actions_version: str
    actions_sha256: str
    texts: dict[Lang, list[str]] = Field(description="All of it in sentences, by language.")
