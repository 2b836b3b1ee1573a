"""What is expected of a customer: value, churn, demand, health and renewal, of one grade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiering.health import Band

Figure = Literal["contribution", "acquisition_cost", "demand", "health", "renewal"]
"""What may be unknown of a customer."""
Why = Literal["no_model", "not_asked", "no_data", "no_contract"]
"""Why it is: see ``serving/outlook.toml``."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A figure that is not told, and why.

    Attributes
    ----------
    detail
        Why there is no model, as training said (English); else None.
    """

    figure: Figure
    why: Why
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """Where outcomes are meant to lie, money; ``nominal`` is their share, 0 to 1."""

    nominal: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ValueWithin:
    """What is expected of a customer within a horizon.

    Attributes
    ----------
    discounted
        Whether later money counts less; that of the near term counts whole.
    net_value, contribution
        Money; what stays of it after cost, rebates, service and receivables, None if unknown.
    value_to_cost, contribution_to_cost
        Over the cost of winning the customer (LTV/CAC); None if one of them is unknown.
    purchase_days
        Expected, weighed by the chance that the customer is active; discounted as the value.
    purchase_days_if_active
        As by a customer who is active for certain.
    intervals
        Of the net value, the narrowest first; none beyond the near term.
    """

    horizon_days: int
    discounted: bool
    net_value: float
    contribution: float | None
    value_to_cost: float | None
    contribution_to_cost: float | None
    purchase_days: float
    purchase_days_if_active: float
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class ChurnWithin:
    """The probability (0 to 1) of no purchase within a horizon; ``graded``: grades use it."""

    horizon_days: int
    probability: float
    graded: bool


@dataclass(frozen=True, slots=True)
class Demand:
    """Net spend expected within the horizon of demand, money, with its intervals."""

    horizon_days: int
    value: float
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class HealthPart:
    """One indicator of health.

    Attributes
    ----------
    value
        As measured; None is unknown.
    points
        0 to 100; None is unknown.
    weight
        Share (0 to 1) of all weights before the unknown ones are left out.
    """

    indicator: str
    value: float | None
    points: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class HealthDimension:
    """One dimension of health.

    Attributes
    ----------
    points
        0 to 100 by what the score comes from; None where nothing of it is known.
    weight
        Share (0 to 1) of all weights.
    scale_points, band
        0 to 100 on the policy's fixed scales, and the band that belongs to them; None where
        nothing of it is known, or the policy has no such dimension.
    """

    id: str
    label_en: str
    label_zh: str
    points: float | None
    weight: float
    scale_points: float | None
    band: Band | None
    parts: tuple[HealthPart, ...]


@dataclass(frozen=True, slots=True)
class HealthOutlook:
    """How much a customer looks like those who stay.

    Attributes
    ----------
    source
        ``model``: learned from who stayed. ``scales``: by the fixed scales of the policy.
    score
        0 to 100; None where nothing is known.
    stays
        Probability (0 to 1) of staying over ``horizon_days``; None without a model.
    band
        Of the chance to stay in percent, or of the score without a model; None if unknown.
    known
        Share (0 to 1) of the weights that was known.
    """

    source: Literal["model", "scales"]
    policy_id: str
    policy_version: str
    score: float | None
    stays: float | None
    horizon_days: int | None
    band: Band | None
    known: float
    dimensions: tuple[HealthDimension, ...]


@dataclass(frozen=True, slots=True)
class LapseWithin:
    """The chance (0 to 1) that the contract lapses within a horizon; 0 where it ends later."""

    horizon_days: int
    probability: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """The running contract that ends first and is not renewed yet.

    Attributes
    ----------
    days_to_end
        Days.
    ended, renewed_share
        The customer's contracts that ended in 730 days, and the share of them that was renewed;
        None if unknown.
    lapse
        By horizon, ascending; it does not fall.
    """

    days_to_end: float
    ended: float | None
    renewed_share: float | None
    lapse: tuple[LapseWithin, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """All of it. ``net_value = p_active · purchase_days_if_active · order_value · correction``.

    Attributes
    ----------
    dormant
        Outside what the models learned from: figures are there, and worth less.
    annual_rate
        What money costs a year in discounted figures.
    p_active
        Probability (0 to 1) that the customer has not left, by the purchase model.
    order_value
        Expected value of a purchase day, money, by the purchase model.
    correction
        What the trees know beyond the purchase model, a factor.
    contribution_rate
        Share of the net value that stays; may be negative; None without a model.
    values
        The near term first, then the recipe's long horizons.
    churn
        By horizon, ascending; it does not rise.
    unknown
        What is not told, and why.
    """

    dormant: bool
    annual_rate: float
    p_active: float
    order_value: float
    correction: float
    contribution_rate: float | None
    acquisition_cost: float | None
    values: tuple[ValueWithin, ...]
    churn: tuple[ChurnWithin, ...]
    demand: Demand | None
    health: HealthOutlook
    renewal: Renewal | None
    unknown: tuple[Unknown, ...]
