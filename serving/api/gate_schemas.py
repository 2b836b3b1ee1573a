"""What was checked when a model version was decided on, as it goes over the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from serving.api.model_schemas import VERSION, ModelVersion
from serving.api.parts import Out

REPORT: dict[str, JsonValue] = {
    "at": "2024-06-30T20:40:59.019195+00:00",
    "decision": "promote",
    "by": "li.wei",
    "reason": "Better on every origin.",
    "mode": "production",
    "against": 2,
    "passed": True,
    "lacking": "",
    "approvals": [
        {
            "at": "2024-06-30T20:38:01.210004+00:00",
            "by": "ana",
            "reason": "Card and backtest read.",
        }
    ],
    "gates": [
        {
            "name": "churn.auc",
            "passed": True,
            "value": 0.8952,
            "relation": ">=",
            "limit": 0.65,
            "message": "Find indicators that tell leavers sooner.",
        }
    ],
    "notes": [],
    "sha256": "d" * 64,
}
"""A decision as the documentation shows it."""


class Gate(Out):
    """One figure against its limit; a value of null was not measured, and fails."""

    name: str
    passed: bool
    value: float | None
    relation: Literal["<=", ">="]
    limit: float
    message: str = Field(description="What the figure is, and what to do if it fails.")


class Approval(Out):
    """Somebody who stood for exactly this version and bundle."""

    at: str
    by: str
    reason: str


class GateReport(Out):
    """What was checked when a promotion was last decided, as the ledger vouches for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [REPORT]})

    at: str
    decision: Literal["promote", "refuse"]
    by: str
    reason: str
    mode: str = Field(description="Rule in force: `development` or `production`.")
    against: int | None = Field(description="Champion it was judged against; null: none.")
    passed: bool = Field(description="Whether every gate passed.")
    lacking: str = Field(description="Approvals that were missing, in words.")
    approvals: list[Approval]
    gates: list[Gate]
    notes: list[str] = Field(description="What could not be judged.")
    sha256: str


class JudgedVersion(ModelVersion):
    """A version with the gate report of the last decision about it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**VERSION, "gate_report": REPORT}]})

    gate_report: GateReport | None = Field(
        description="Null before a decision, and of decisions older than the reports."
    )
