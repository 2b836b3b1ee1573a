"""Models, schemes, tiers and KPIs as they go over the wire."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from serving.api.parts import Instant, Model, Out, PolicyPack, Scheme, Text, Tier

_DIGEST = "c" * 64


VERSION: dict[str, JsonValue] = {
    "version": 3,
    "created_at": "2024-06-30T20:35:12+00:00",
    "bundle_digest": _DIGEST,
    "champion": True,
    "served": True,
    "metrics": {"backtest.churn.auc": 0.8952, "backtest.ltv.mae": 41.2},
    "facts": {"gates": "passed", "trained_as_of": "2024-06-30"},
    "cards": ["en.html", "en.md"],
}
"""A model version as the documentation shows it."""


class Decision(Out):
    """A decision about a model version, from the chained ledger of champions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2024-06-30T20:40:59.019195+00:00",
                    "action": "promote",
                    "version": 3,
                    "previous": 2,
                    "by": "li.wei",
                    "reason": "Better on every origin.",
                    "failed": [],
                    "bundle_digest": _DIGEST,
                    "gate_report_sha256": "d" * 64,
                }
            ]
        }
    )

    at: str
    action: Literal["promote", "rollback", "refuse", "approve"]
    version: int
    previous: int | None
    by: str
    reason: str
    failed: list[str] = Field(description="What forbade it; only of a refusal.")
    bundle_digest: str
    gate_report_sha256: str = Field(
        description="Of the gate report it rests on; empty where no gates were judged."
    )


class Histogram(Out):
    """Customers by the difference of their scores; one more edge than bars."""

    edges: list[float]
    customers: list[int]


class ComparedSlice(Out):
    """Champion and shadow among some customers: all, a tier of the champion's, or a stage.

    ``moved``: share that would have another tier. ``mean``, ``quantiles``: the shadow's score
    less the champion's, points.
    """

    name: str
    customers: int
    moved: float
    mean: float
    quantiles: list[float]
    pearson: float | None
    spearman: float | None
    referred: int
    shadow_referred: int
    both_referred: int


class Comparison(Out):
    """Champion and shadow; ``moves`` has the champion's tiers as rows, the shadow's as columns."""

    tiers: list[str]
    shadow_tiers: list[str]
    moves: list[list[int]]
    quantiles: list[float] = Field(description="Which quantiles the slices have, 0 to 1.")
    slices: list[ComparedSlice]
    histogram: Histogram


class Shadow(Out):
    """A model that graded the customers of a run and is not served."""

    run_id: str
    version: str | None
    bundle_digest: str
    scheme_id: str
    scheme_version: str
    finished_at: Instant
    comparison: Comparison


class Refreshed(Out):
    """The bundle that answers what-ifs after a look at its folder."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"changed": True, "version": "3", "bundle_digest": _DIGEST}]
        }
    )

    changed: bool
    version: str | None
    bundle_digest: str


class ModelVersion(Out):
    """A registered model version with its figures; ``cards`` are its model cards."""

    model_config = ConfigDict(json_schema_extra={"examples": [VERSION]})

    version: int
    created_at: str
    bundle_digest: str
    champion: bool
    served: bool = Field(description="Grades of the run that is read are by it.")
    metrics: dict[str, float]
    facts: dict[str, str] = Field(description="Hashes of data, code, recipe and scheme; verdicts.")
    cards: list[str] = Field(description="`language.format`, read at `/v1/models/{version}/card`.")


class ModelList(Out):
    """Registered versions, newest first, and every decision about them, oldest first."""

    model: str | None = Field(description="Null before anything was registered.")
    items: list[ModelVersion]
    decisions: list[Decision]


class Champion(Out):
    """Who was champion at an instant, and by which decision."""

    at: str
    model: ModelVersion
    decision: Decision


class TierTerms(Out):
    """A tier of the served run: its border, who is in it, and what was promised to it."""

    tier: Tier
    customers: int
    referred: int
    ltv: float = Field(description="Sum over its customers, currency of the run.")
    net_amount_365d: float
    score_mean: float | None
    churn_probability_mean: float | None
    policy: PolicyPack | None


class TierList(Out):
    """The tiers of the served run, best first."""

    run_id: str
    as_of: date
    currency: str
    model: Model
    scheme: Scheme
    items: list[TierTerms]


class SchemeSummary(Out):
    """A grading scheme; ``name`` is the one it is read by."""

    name: str
    id: str
    version: str
    title: Text
    sha256: str
    served: bool = Field(description="The served run was graded with it.")
    tiers: list[str] = Field(description="Ids, best first.")


class SchemeList(Out):
    """Schemes that come with the package, and `loaded`: that of the loaded model."""

    items: list[SchemeSummary]


class SchemeDocument(SchemeSummary):
    """A scheme with its content: the TOML as it was signed, and the same parsed."""

    toml: str
    content: dict[str, Any]


class SchemeChange(Out):
    """One thing that is not the same; ``path`` as written in the TOML."""

    path: str
    text: Text


class SchemeDifference(Out):
    """Every change from one scheme to another."""

    before: SchemeSummary
    after: SchemeSummary
    changes: list[SchemeChange]


class KpiFigure(Out):
    """A measured value with its 95 % interval; null where it cannot be computed."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int = Field(description="Customers it rests on.")
    unknown: int = Field(description="Customers for whom it is not known.")


class Kpi(Out):
    """A figure against its target."""

    id: str
    label: Text
    unit: str
    good: str = Field(description="Which way is good: `up` or `down`.")
    window: str
    target: float
    actual: KpiFigure
    baseline: KpiFigure | None
    reached: float | None = Field(
        description="What stands against the target: the level, or the change."
    )
    deviation: float | None = Field(description="Relative to the target; below 0: a shortfall.")
    status: str
    certain: bool | None = Field(description="False: it may be chance.")
    missing: list[str] = Field(description="Source tables that it lacks.")


class KpiBoard(Out):
    """Targets against what published snapshots show, as `tierwise kpi` wrote it last."""

    catalogue: str
    version: str
    days: list[date] = Field(description="The last is judged against the one before.")
    items: list[Kpi]
    tiers: list[str]
    migration: dict[str, Any] | None = Field(description="Moves between tiers.")
    concentration: dict[str, Any]
    drift: list[dict[str, Any]] = Field(description="Indicators that moved between the days.")
