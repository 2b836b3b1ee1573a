"""An appeal of a customer against its tier, and the answer (#95, #96)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from serving.domain.labels import TierLabel


class AppealOutcome(StrEnum):
    """What came of an appeal."""

    UPHELD = "upheld"
    """The customer stands where it asked to stand, or better."""
    PARTLY = "partly"
    """Better than before, and not as good as asked."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Appeal:
    """What a customer said against its tier, filed by somebody of the company.

    Attributes
    ----------
    case_id
        The case that answers it; it has the due date.
    contested_case_id
        The decided case it is against; None where no panel had decided.
    contested_tier_id, wanted_tier_id
        Where the customer stood, and where it asks to stand.
    reason, evidence
        In the customer's words; what it refers to.
    answer
        Sentences by language; None until answered.
    """

    appeal_id: str
    customer_id: str
    case_id: str
    contested_case_id: str | None
    contested_tier_id: str
    wanted_tier_id: str
    reason: str
    evidence: tuple[str, ...]
    filed_at: datetime
    filed_by: str
    outcome: AppealOutcome | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer: Mapping[str, Sequence[str]] | None = None


def outcome_of(appeal: Appeal, decided_tier_id: str, tiers: Sequence[TierLabel]) -> AppealOutcome:
    """Return what a decided tier is to an appeal."""
    place = {tier.id: tier.index for tier in tiers}
    decided = place[decided_tier_id]
    if decided <= place[appeal.wanted_tier_id]:
        return AppealOutcome.UPHELD
    if decided < place[appeal.contested_tier_id]:
        return AppealOutcome.PARTLY
    return AppealOutcome.REJECTED
