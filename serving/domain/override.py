"""A tier that a panel gave, beside and above the one that model and scheme gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from serving.domain.labels import TierLabel
from serving.domain.seal import record_digest


class Ending(StrEnum):
    """Why an override is over."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    """A later decision about the same customer took its place."""


@dataclass(frozen=True, slots=True)
class Override:
    """A grade given by people: a record of its own that no run changes.

    It lies over whatever the runs say about the customer until it ends, where their scheme has
    the tier; the runs' grades stay as computed.

    Attributes
    ----------
    grade_id, run_id
        The grade it rests on, which people looked at.
    scheme_id, tier_id
        The tier given; tiers of another scheme are not meant (X9).
    model_tier_id
        The tier of the grade it rests on.
    reason, texts
        Code of the panel policy, and words by language.
    decided_at, expires_at, ended_at
        Instants, naive UTC; ``ended_at`` of an expiry is when it was noted.
    """

    override_id: str
    customer_id: str
    grade_id: str
    run_id: str
    case_id: str
    scheme_id: str
    tier_id: str
    model_tier_id: str
    reason: str
    texts: Mapping[str, str]
    decided_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    ending: Ending | None = None
    ended_text: str = ""

    @property
    def sha256(self) -> str:
        """What the audit trail keeps of it at every step; by it a change past us is found."""
        return record_digest({**asdict(self), "texts": dict(self.texts)}).hex()

    def holds(self, now: datetime) -> bool:
        """Tell whether it is in force."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Overruled:
    """A grade's override, and the tier that the run gave."""

    override: Override
    model_tier: TierLabel
