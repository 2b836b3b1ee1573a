"""Exports as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.api.parts import Instant, Out
from serving.domain.export import ExportState

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=1_000)]

EXPORT: dict[str, Any] = {
    "export_id": "5f2d6c1e0b7a4d5f9a3c8e7b6a5d4c3b",
    "run_id": "20240701T020000000000-1a2b3c4d",
    "requested_by": "person:chen.jie",
    "requested_at": "2024-07-01T09:30:00Z",
    "purpose": "Letters to core customers about the summer service week.",
    "tier": "core",
    "referred": None,
    "customers": 412,
    "data_class": "secret",
    "parts": ["grade", "churn", "ltv"],
    "locked": False,
    "state": "requested",
    "approvals": [{"by": "person:wang.fang", "role": "approver", "at": "2024-07-01T10:00:00Z"}],
    "refused_by": None,
    "refused_why": None,
    "expires_at": "2024-07-08T09:30:00Z",
    "file_sha256": None,
    "downloads": 0,
}


class ExportRequest(BaseModel):
    """Which customers of the served run are wanted, and what for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"purpose": EXPORT["purpose"], "tier": "core"}]},
    )

    purpose: Why = Field(description="What for; approvers and auditors read it.")
    tier: str | None = Field(default=None, description="Only customers of this tier.")
    referred: bool | None = Field(default=None, description="Only (not) referred ones.")


class Refusal(BaseModel):
    """Why an export is refused or withdrawn."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"why": "The purpose is covered by the weekly report."}]},
    )

    why: Why


class ApprovalGiven(Out):
    """Who stood for an export, and in which role."""

    by: str
    role: str
    at: Instant


class Export(Out):
    """An export. ``parts`` are what the one who asked is cleared for; ``locked`` files open only
    with the shares of both approvers.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXPORT]})

    export_id: str
    run_id: str
    requested_by: str
    requested_at: Instant
    purpose: str
    tier: str | None
    referred: bool | None
    customers: int
    data_class: str
    parts: list[str]
    locked: bool
    state: ExportState
    approvals: list[ApprovalGiven]
    refused_by: str | None
    refused_why: str | None
    expires_at: Instant
    file_sha256: str | None = Field(description="Of the file as handed out; null until made.")
    downloads: int


class ExportList(Out):
    """A page of exports, the newest first."""

    items: list[Export]
    total: int
    cursor: str | None
    next: str | None


class Share(Out):
    """One of the two shares that open a locked export; it is told once."""

    export_id: str
    share: str = Field(description="64 hexadecimal digits. Keep it apart from the file.")
