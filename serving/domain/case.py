"""A review case: a customer whose grade people have to look at, and what they decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tiering.panel.steps import LIVE, SHOWN
from tiering.panel.steps import CaseStatus as CaseStatus


class CaseKind(StrEnum):
    """Why people look."""

    REFERRAL = "referral"
    """A run referred the customer."""
    APPEAL = "appeal"
    """The customer appealed (#95)."""


class CaseOutcome(StrEnum):
    """What a decision did to the tier of the grade it is about."""

    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a panel decided.

    Attributes
    ----------
    reason
        Code of the policy.
    texts
        The reason in words, by language.
    at, holds_until
        Instants, naive UTC.
    by
        Who counted the votes and put the reason in words.
    level
        Index of the level that decided.
    votes, agreement
        Votes of that level, and the largest share of them for one tier (0 to 1).
    """

    tier_id: str
    outcome: CaseOutcome
    reason: str
    texts: Mapping[str, str]
    at: datetime
    by: str
    holds_until: datetime
    level: int
    votes: int
    agreement: float


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A customer under review; at most one live (open or claimed) case per customer.

    Attributes
    ----------
    grade_id, run_id
        The grade that people look at: the latest that referred the customer, as of when the
        case was claimed.
    reasons
        Codes of ``tiering.referral.REASONS``; empty of an appeal.
    score, tier_id
        Of that grade, as the model and the scheme gave it.
    opened_at, due_at, closed_at
        Instants, naive UTC; a later run that refers again does not move the due date.
    policy
        ``id@version`` of the panel policy the due date comes from; empty from before there
        was one.
    level
        Index into the levels of the policy.
    version
        Grows with every step; who acts on an older one is refused.
    claimed_by, claimed_at
        Who leads it now.
    """

    case_id: str
    grade_id: str
    run_id: str
    customer_id: str
    status: CaseStatus
    reasons: tuple[str, ...]
    score: float
    tier_id: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    kind: CaseKind = CaseKind.REFERRAL
    policy: str = ""
    level: int = 0
    version: int = 1
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    escalated_at: datetime | None = None
    decision: Decision | None = None
    closed_by: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether the panel still has to decide."""
        return self.status in LIVE

    @property
    def is_shown(self) -> bool:
        """Whether votes may be seen by others than those who cast them."""
        return self.status in SHOWN

    @property
    def is_untouched(self) -> bool:
        """Whether a run may renew or withdraw it: nobody has taken it on."""
        return self.status is CaseStatus.OPEN and self.level == 0 and self.kind is CaseKind.REFERRAL

    def is_late(self, now: datetime) -> bool:
        """Tell whether the answer is overdue."""
        return self.is_live and self.due_at < now


def case_id_of(*parts: str) -> str:
    """Return the id of a case made for something: the same parts, the same id."""
    return hashlib.sha256("\0".join(("case", *parts)).encode()).hexdigest()[:32]


def case_id_of_grade(grade_id: str) -> str:
    """Return the id of the case that a grade opens.

    The ids of a run's cases come in the order of those of its grades, which begin alike: rows in
    this order go to the ends of the indexes over them.
    """
    return case_id_of(grade_id[:16])[:16] + grade_id[16:]
