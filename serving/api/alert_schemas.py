"""Alerts and the case library as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.api import alert_examples
from serving.api.parts import Instant, Out, Text
from tiering.alerts.catalogue import Severity
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import packaged_causes
from tiering.alerts.lifecycle import AlertState, Outcome

KINDS = packaged_catalogue().kinds
CAUSES = tuple(cause.id for cause in packaged_causes().causes)
MEASURES = tuple(packaged_catalogue().measures)

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Industry = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
CauseId = Literal["adjustment", "loss"]


class Named(Out):
    """An id with its name in both languages."""

    id: str
    label: Text


class Cause(Out):
    """Why purchases fell: by rule, as people found, and what speaks for either."""

    by_rule: Named | None = Field(description="Null where the evidence is thin or mixed.")
    stated: Named | None = Field(description="As filed in the analysis; null until then.")
    evidence: list[Named]
    playbook: Text | None = Field(description="Of the stated cause, or of the one by rule.")


class Action(Out):
    """What somebody did about an alert."""

    sequence: int
    at: Instant
    actor: str
    action: str
    note: str
    cause: str | None
    measure: str | None
    outcome: Outcome | None


class Alert(Out):
    """An early warning about a customer, until when somebody has to respond, and who.

    ``numbers`` are the indicators it asked for, null where unknown. ``reopened`` counts how
    often it came back after it was resolved.
    """

    alert_id: str
    customer_id: str
    kind: Named
    requirement: str
    severity: Severity
    state: AlertState
    tier_id: str
    run_id: str
    catalogue: str
    text: Text
    threshold: Text
    playbook: Text
    numbers: dict[str, float | None]
    cause: Cause | None = Field(description="Of a drop in purchases; null for other alerts.")
    responsible: Named
    needs_analysis: bool
    raised_at: Instant
    due_at: Instant
    responded_at: Instant | None
    escalated_at: Instant | None
    late: bool = Field(description="Nobody has responded, and it was due.")
    closed_at: Instant | None
    outcome: Outcome | None
    measure: Named | None
    reopened: int
    actions: list[Action]


class AlertList(Out):
    """A page of alerts, earliest due first."""

    items: list[Alert]
    total: int
    cursor: str | None
    next: str | None


class Acknowledgement(BaseModel):
    """Somebody takes an alert on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [alert_examples.ACKNOWLEDGEMENT]}
    )

    note: Note = ""


class Analysis(BaseModel):
    """Why it came to the alert, as somebody found."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [alert_examples.ANALYSIS]}
    )

    note: Said
    cause: CauseId | None = None


class Resolution(BaseModel):
    """What was done about an alert and what came of it; ``analysis`` files one at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [alert_examples.RESOLUTION]}
    )

    note: Said
    outcome: Outcome
    measure: str = Field(json_schema_extra={"enum": list(MEASURES)})
    analysis: Said | None = None
    cause: CauseId | None = None
    industry: Industry | None = None


class Experience(Out):
    """What came of one measure in the cases of a query.

    ``recovered`` is the share that recovered wholly or in part, with its 95 % interval; false
    alarms do not count. What followed a measure need not be due to it.
    """

    measure: Named
    cases: int
    outcomes: dict[str, int]
    recovered: float | None
    lower: float | None
    upper: float | None
    median_days: float


class CaseLibrary(Out):
    """What helped in similar cases, surest first, and the cases themselves (#89)."""

    experience: list[Experience]
    items: list[Alert]
    total: int
    cursor: str | None
    next: str | None
