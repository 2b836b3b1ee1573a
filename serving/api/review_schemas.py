"""Reviews, overrides and appeals as they go over the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.api import review_examples as examples
from serving.api.parts import Instant, Out, Text
from serving.domain.appeal import AppealOutcome
from serving.domain.case import CaseKind, CaseOutcome, CaseStatus
from serving.domain.override import Ending

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Label(Out):
    """An id of the panel policy with its name in both languages."""

    id: str
    label: Text


class Decision(Out):
    """What the panel decided; ``agreement`` is the share of votes for that tier (0 to 1)."""

    tier_id: str
    outcome: CaseOutcome
    reason: Label
    text: Text
    decided_at: Instant
    decided_by: str
    holds_until: Instant
    agreement: float


class ReviewCase(Out):
    """A customer under review, due within the days of the panel policy.

    ``tier_id`` and ``score`` are those of model and scheme. Of votes that are still secret, only
    their number is told. ``version`` is the ETag of the case.
    """

    case_id: str
    customer_id: str
    kind: CaseKind
    grade_id: str
    run_id: str
    status: CaseStatus
    level: Label
    version: int
    reasons: list[str]
    score: float
    tier_id: str
    opened_at: Instant
    due_at: Instant
    late: bool = Field(description="Nobody has decided, and it was due.")
    claimed_by: str | None
    claimed_at: Instant | None
    escalated_at: Instant | None
    votes_cast: int = Field(description="Voters of the level where the case stands.")
    quorum: int
    decision: Decision | None
    closed_at: Instant | None
    closed_by: str | None


class ReviewList(Out):
    """A page of review cases, earliest due first."""

    items: list[ReviewCase]
    total: int
    cursor: str | None
    next: str | None


class Vote(Out):
    """A vote. The audit trail has held ``commitment`` since it was cast; ``salt`` opens it."""

    sequence: int
    level: Label
    voter: str
    seat: Label
    tier_id: str
    reason: Label
    text: str
    confidence: float
    at: Instant
    commitment: str
    salt: str


class ReviewDetail(ReviewCase):
    """A review case with its votes, which are empty until it is decided."""

    appeal_id: str | None = Field(description="The appeal that this case answers.")
    votes: list[Vote] = Field(description="Every vote ever cast, changed ones included.")
    own_vote: Vote | None = Field(description="What whoever asks has voted at this level.")


class Words(BaseModel):
    """The same words in both languages."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    en: Said
    zh_cn: Said = Field(alias="zh-CN")

    @property
    def by_language(self) -> dict[str, str]:
        """The words by language."""
        return {"en": self.en, "zh-CN": self.zh_cn}


class Ballot(BaseModel):
    """A vote; nobody else sees it before the case is decided."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.BALLOT]})

    seat: Id
    tier_id: Id
    reason: Id
    text: Said
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)
    change: bool = Field(default=False, description="Take the place of the vote cast before.")


class Deciding(BaseModel):
    """The panel's reason in words, in both languages, as the customer may be told it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.DECIDING]})

    reason: Id
    text: Words
    days: int | None = Field(
        default=None,
        ge=1,
        le=3_650,
        description="For how long it holds; at most, and by default, as long as the policy says.",
    )


class Escalation(BaseModel):
    """Why the level above has to look."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ESCALATION]})

    why: Said


class Closing(BaseModel):
    """Somebody else than who counted signs a decision off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.CLOSING]})

    note: Words | None = Field(
        default=None, description="Words to the customer; only the answer to an appeal has them."
    )


class ReviewSummary(Out):
    """How the reviews work since an instant; shares are 0 to 1, null without any case."""

    since: Instant
    open: int
    claimed: int
    late: int
    decided: int
    decided_in_time: float | None
    agreement: float | None
    overridden: int
    escalated: int
    appeals_answered: int
    answered_in_time: float | None
    upheld: int
    partly: int
    rejected: int
    observed: int = Field(description="Customers under observation now (#91).")
    observed_late: int = Field(description="Of those, without the recovery plan that was due.")
    plans_in_time: float | None = Field(description="Of the first recovery plans recorded since.")
    recovered: int = Field(description="Left observation for a better tier.")
    downgraded: int = Field(description="Left observation for a worse tier.")


class Override(Out):
    """A tier given by people; ``model_tier_id`` is that of the grade they looked at."""

    override_id: str
    customer_id: str
    case_id: str
    grade_id: str
    run_id: str
    scheme_id: str
    tier_id: str
    model_tier_id: str
    reason: Label
    text: Text
    decided_at: Instant
    until: Instant
    in_force: bool
    ended_at: Instant | None
    ended_by: str | None
    ending: Ending | None
    ended_text: str


class OverrideList(Out):
    """A page of overrides, the latest decided first."""

    items: list[Override]
    total: int
    cursor: str | None
    next: str | None


class Revocation(BaseModel):
    """Why an override ends before its time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.REVOCATION]})

    text: Said


class Filing(BaseModel):
    """What a customer says against its tier; without a tier it asks for the next better one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.FILING]})

    customer_id: Id
    reason: Said
    evidence: list[Said] = Field(default=[], max_length=20)
    wanted_tier_id: Id | None = None


class Appeal(Out):
    """An appeal of a customer; ``status`` and ``due_at`` are those of the case that answers it."""

    appeal_id: str
    customer_id: str
    case_id: str
    contested_case_id: str | None
    contested_tier_id: str
    wanted_tier_id: str
    reason: str
    evidence: list[str]
    filed_at: Instant
    filed_by: str
    status: CaseStatus
    due_at: Instant
    late: bool
    outcome: AppealOutcome | None
    answered_at: Instant | None
    answered_in_time: bool | None
    answer: dict[str, list[str]] | None = Field(
        description="Sentences to the customer by language; null until answered."
    )


class AppealList(Out):
    """A page of appeals, the latest filed first."""

    items: list[Appeal]
    total: int
    cursor: str | None
    next: str | None
