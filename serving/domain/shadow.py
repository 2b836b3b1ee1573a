"""What a model that is not served says of the customers of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """A shadow's pass over a run.

    Attributes
    ----------
    run_id
        The run that the champion graded.
    tiers
        Ids of the shadow's tiers, best first.
    finished_at
        Instant, naive UTC.
    comparison
        With the champion, as `serving.shadow.comparison` has it.
    """

    run_id: str
    bundle_digest: str
    model_version: str | None
    scheme_id: str
    scheme_version: str
    tiers: tuple[str, ...]
    customers: int
    finished_at: datetime
    comparison: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShadowGrade:
    """What the shadow says of one customer; the tier is that of the day's figures alone."""

    customer_id: str
    score: float
    tier_id: str
    referred: bool
    churn_probability: float | None
    ltv: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """What is served of a customer, and what the shadow says.

    Attributes
    ----------
    tier_id
        By the day's figures alone, as the shadow's: what is held has a history the shadow
        does not share.
    stage
        In the run's first lifecycle; None without.
    """

    score: float
    tier_id: str
    referred: bool
    stage: str | None
    shadow: ShadowGrade
