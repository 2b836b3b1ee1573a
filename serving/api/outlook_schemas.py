"""What is answered about what is expected of a customer."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field

from serving.api.outlook_examples import OUTLOOK
from serving.api.parts import Model, Out, Scheme, Text


class OutlookInterval(Out):
    """Where outcomes are meant to lie; ``nominal`` is their share, 0 to 1."""

    nominal: float
    lower: float
    upper: float


class OutlookValue(Out):
    """What is expected within a horizon after ``as_of``.

    ``contribution`` is what stays of the net value after cost, rebates, service and receivables.
    ``net_value_to_acquisition_cost`` is LTV/CAC, ``contribution_to_acquisition_cost`` the same of
    what stays. ``purchase_days`` are weighed by the chance that the customer is active.
    """

    horizon_days: int
    discounted: bool = Field(description="Whether later money and purchases count less.")
    net_value: float
    intervals: list[OutlookInterval] = Field(
        description="Of the net value, the narrowest first. None beyond the near term: no log "
        "closes in years, so none was ever measured."
    )
    contribution: float | None
    net_value_to_acquisition_cost: float | None
    contribution_to_acquisition_cost: float | None
    purchase_days: float
    purchase_days_if_active: float


class OutlookActivity(Out):
    """Why the value is what it is: for each horizon ``net_value`` is ``p_active`` times
    ``purchase_days_if_active`` times ``order_value`` times ``correction``.

    The first three are the purchase model's; ``correction`` is what else is known (1: nothing).
    """

    p_active: float
    order_value: float
    correction: float


class OutlookChurn(Out):
    """The probability (0 to 1) of no purchase within a horizon; ``graded``: grades use it."""

    horizon_days: int
    probability: float
    graded: bool


class OutlookDemand(Out):
    """Net spend expected within the horizon of demand."""

    horizon_days: int
    value: float
    intervals: list[OutlookInterval]


class OutlookBand(Out):
    """A band of health, from ``begin`` (inclusive, 0 to 100) on."""

    id: str
    begin: float
    label: Text


class OutlookResponse(Out):
    """What the band of a customer asks for: who acts, within how many hours (null: as usual)."""

    hours: int | None
    owner: str
    action: Text


class OutlookHealthIndicator(Out):
    """One indicator of health; ``points`` 0 to 100, null where the value is unknown."""

    indicator: str
    label: Text
    unit: str
    value: float | None
    points: float | None
    weight: float


class OutlookHealthDimension(Out):
    """One dimension of health.

    ``points`` are those the score is made from: by the model, in part ranks among customers.
    ``scale_points`` are on the policy's fixed scales, and ``band`` is theirs.
    """

    id: str
    label: Text
    points: float | None
    weight: float
    scale_points: float | None
    band: OutlookBand | None
    indicators: list[OutlookHealthIndicator]


class OutlookHealth(Out):
    """How much the customer looks like those who stay.

    ``source`` is ``model`` (learned from who stayed) or ``scales`` (fixed scales of the policy,
    where no model could be learned). ``band`` belongs to ``stays`` in percent, the probability of
    staying over ``horizon_days``; without a model, to ``score``.
    """

    source: Literal["model", "scales"]
    policy: str
    policy_version: str
    score: float | None = Field(description="0 to 100.")
    stays: float | None
    horizon_days: int | None
    band: OutlookBand | None
    response: OutlookResponse | None
    known: float = Field(description="Share (0 to 1) of the weights that was known.")
    dimensions: list[OutlookHealthDimension]


class OutlookLapse(Out):
    """The chance (0 to 1) that the contract lapses within a horizon; 0 where it ends later."""

    horizon_days: int
    probability: float


class OutlookRenewal(Out):
    """The running contract that ends first and is not renewed yet.

    ``ended_730d`` contracts of the customer ended in two years, ``renewed_share_730d`` of them
    were renewed.
    """

    days_to_end: float
    ended_730d: float | None
    renewed_share_730d: float | None
    lapse: list[OutlookLapse]


class OutlookUnknown(Out):
    """A figure that is null, and why; ``detail`` is what training said of a missing model."""

    figure: Literal["contribution", "acquisition_cost", "demand", "health", "renewal"]
    reason: Literal["no_model", "not_asked", "no_data", "no_contract"]
    text: Text
    detail: str | None


class Outlook(Out):
    """What is expected of a customer, by the model that gave the grade, on its indicators.

    Computed on reading and the same whenever it is read. Money is in ``currency``.
    ``dormant``: the models learned from nobody like this customer.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [OUTLOOK]})

    customer_id: str
    grade_id: str
    run_id: str | None
    as_of: date
    currency: str
    dormant: bool
    annual_rate: float = Field(description="What money costs a year in discounted figures.")
    contribution_rate: float | None = Field(
        description="Share of the net value that stays as contribution; may be negative."
    )
    acquisition_cost: float | None
    values: list[OutlookValue] = Field(
        description="The near term first, undiscounted; then one, three and five years, or what "
        "the recipe of the model says."
    )
    activity: OutlookActivity
    churn: list[OutlookChurn] = Field(description="By horizon; it does not rise.")
    demand: OutlookDemand | None
    health: OutlookHealth
    renewal: OutlookRenewal | None
    unknown: list[OutlookUnknown]
    model: Model
    scheme: Scheme
    world: str
    simulated: bool = Field(description="Whether the input data is simulated, not real.")
