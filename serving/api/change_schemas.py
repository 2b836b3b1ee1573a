"""What is answered about a customer's grades over time."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import ConfigDict, Field

from serving.api.parts import Instant, Model, Out, Scheme, Text, Tier
from serving.api.schemas import Lang

_MODEL = {
    "version": "3",
    "bundle_digest": "c" * 64,
    "trained_as_of": "2024-06-30",
    "side": "champion",
}
_SCHEME = {"id": "five-dimension", "version": "1.1.0", "sha256": "9" * 64}
_TIER = {
    "id": "core",
    "index": 1,
    "label": {"en": "Core customer", "zh-CN": "核心客户"},
    "cut": 60.0,
}
_THEN: dict[str, Any] = {
    "grade_id": "0002052a01187a4fe9f90bbed16db6c8",
    "run_id": "20240601T020000000000-1a2b3c4d",
    "as_of": "2024-05-31",
    "finished_at": "2024-06-01T02:00:09Z",
    "score": 60.5,
    "tier": _TIER,
    "raw_tier": "core",
    "referred": False,
    "churn_probability": 0.21,
    "ltv": 812.4,
    "masked": [],
    "model": _MODEL,
    "scheme": _SCHEME,
}
_NOW: dict[str, Any] = _THEN | {
    "grade_id": "77f3d0a1c0de4fe9f90bbed16db6c8aa",
    "run_id": "20240701T020000000000-5e6f7a8b",
    "as_of": "2024-06-30",
    "finished_at": "2024-07-01T02:00:11Z",
    "score": 64.0,
    "churn_probability": 0.17,
    "ltv": 893.0,
    "masked": [],
}
HISTORY: dict[str, Any] = {
    "customer_id": "1001",
    "items": [_NOW, _THEN],
    "total": 2,
    "cursor": None,
    "next": None,
}
CHANGE: dict[str, Any] = {
    "customer_id": "1001",
    "before": _THEN,
    "after": _NOW,
    "points": 3.5,
    "how": "same_model",
    "dimensions": [
        {"id": "value", "label": {"en": "Value", "zh-CN": "价值"}, "points": 3.75},
    ],
    "parts": [
        {
            "kind": "indicator",
            "indicator": "net_amount_365d",
            "label": {"en": "Net spend, last 365 days", "zh-CN": "近365天净采购额"},
            "dimension": "value",
            "unit": "money",
            "value_before": 1200.0,
            "value_after": 1750.0,
            "contribution_before": 4.0,
            "contribution_after": 7.75,
            "points": 3.75,
        },
        {
            "kind": "base",
            "indicator": None,
            "label": None,
            "dimension": None,
            "unit": None,
            "value_before": None,
            "value_after": None,
            "contribution_before": 51.25,
            "contribution_after": 51.0,
            "points": -0.25,
        },
    ],
    "texts": {
        "en": [
            "The score rose by 3.5 points, from 60.5 to 64.0, between 2024-05-31 and 2024-06-30.",
            "Net spend, last 365 days went from USD 1,200 to USD 1,750; this adds 3.8 points.",
        ],
        "zh-CN": [
            "2024-05-31至2024-06-30，得分由60.5升至64.0，上升3.5分。",
            "近365天净采购额由USD 1,200变为USD 1,750，加3.8分。",
        ],
    },
}


class PastGrade(Out):
    """A grade as one run left it; ``raw_tier`` is what the figures of the day alone gave."""

    grade_id: str
    run_id: str
    as_of: date
    finished_at: Instant
    score: float
    tier: Tier
    raw_tier: str
    referred: bool
    churn_probability: float | None
    ltv: float | None
    masked: list[str] = Field(
        description="Parts that are null because they are above the clearance of whoever asks."
    )
    model: Model
    scheme: Scheme


class History(Out):
    """A customer's grades over the runs, the run that finished last first."""

    model_config = ConfigDict(json_schema_extra={"examples": [HISTORY]})

    customer_id: str
    items: list[PastGrade]
    total: int
    cursor: str | None
    next: str | None


class DimensionChange(Out):
    """What the indicators of one dimension did to the score, in points."""

    id: str
    label: Text
    points: float


class ChangePart(Out):
    """A part of the difference: ``points`` is ``contribution_after - contribution_before``.

    ``kind`` ``indicator``: an indicator over all its channels, in one dimension. ``model``: the
    change of model or scheme, the two contributions being whole scores of the figures of then.
    ``base``: the change of a typical customer's score with the same data.
    """

    kind: Literal["indicator", "model", "base"]
    indicator: str | None
    label: Text | None
    dimension: str | None
    unit: str | None
    value_before: float | None
    value_after: float | None
    contribution_before: float
    contribution_after: float
    points: float


class Change(Out):
    """An exact account: ``before.score`` plus all ``points`` is ``after.score`` (1e-9).

    ``how`` ``same_model``: only figures changed. ``graded_again``: model or scheme changed, and
    the figures of then were graded by those of now, so that every other part is by one model.
    ``side_by_side``: they changed, and those of now are not loaded; every part may have both in
    it. Parts are ordered by size; those of exactly 0 are left out.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [CHANGE]})

    customer_id: str
    before: PastGrade
    after: PastGrade
    points: float
    how: Literal["same_model", "graded_again", "side_by_side"]
    dimensions: list[DimensionChange]
    parts: list[ChangePart]
    texts: dict[Lang, list[str]] = Field(description="What happened, and the largest parts.")
