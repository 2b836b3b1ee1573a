"""A canary and the comparison of its sides as they go over the wire."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from serving.api.parts import Instant, Out


class Estimate(Out):
    """A figure of some customers with its 95 % interval; null where it is not known."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int = Field(description="Customers it rests on.")


class Gap(Out):
    """The canary's figure less the champion's, with its 95 % interval."""

    value: float | None
    lower: float | None
    upper: float | None


class CanaryFigure(Out):
    """One figure of both sides.

    ``verdict``: ``too_few`` customers on a side to say anything; ``differs`` beyond chance (each
    figure by itself); ``not_shown`` is not "the same".
    """

    id: str
    kind: Literal["share", "mean"]
    unit: str
    champion: Estimate
    canary: Estimate
    difference: Gap
    verdict: Literal["too_few", "differs", "not_shown"]


class ComparedModel(Out):
    """The model of a side, and how many customers of the run it graded."""

    version: str | None
    bundle_digest: str
    customers: int


class SideScores(Out):
    """Scores of a side; ``quantiles`` are null where it graded nobody."""

    customers: list[int]
    quantiles: list[float] | None


class CanaryScores(Out):
    """Scores of both sides; ``edges`` has one more than there are bars."""

    edges: list[float]
    quantiles: list[float]
    champion: SideScores
    canary: SideScores


class CanaryOutcomes(Out):
    """The run whose customers' later behaviour is known, and over how many days."""

    run_id: str
    as_of: date
    horizon_days: int


class CanaryComparison(Out):
    """Champion and canary; what happened over time is told of who is on a side now."""

    as_of: date
    simulated: bool
    currency: str
    runs: int = Field(description="Runs that the canary graded customers of.")
    share: float = Field(description="As planned for the run, 0 to 1.")
    allocation: Estimate = Field(description="As it came out.")
    champion: ComparedModel
    canary: ComparedModel
    small: bool = Field(description="A side has fewer than `smallest` customers.")
    smallest: int
    figures: list[CanaryFigure]
    scores: CanaryScores
    churn_outcomes: CanaryOutcomes | None = Field(description="Null: not known yet.")
    value_outcomes: CanaryOutcomes | None = Field(description="Null: not known yet.")


class CanaryPlan(Out):
    """A model that grades a share of the customers, who are served what it says."""

    version: str | None
    bundle_digest: str
    percent: float = Field(description="Share of the customers, 0 to 100.")
    started_at: Instant
    started_by: str
    reason: str
    ended_at: Instant | None = Field(description="Null: it stands.")
    ending: Literal["stopped", "promoted"] | None


class CanaryState(Out):
    """The canary that stands, or else the last one, and how its sides compared when last seen."""

    plan: CanaryPlan
    run_id: str | None = Field(description="The newest run looked at; null before the first.")
    made_at: Instant | None
    comparison: CanaryComparison | None
