"""How a customer came to hold its tier: what the scheme said, since when, what is pending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class TierTenure:
    """The tier held, over time (requirements #57, #59).

    Attributes
    ----------
    raw_tier
        Id of the tier that the scheme gives by the figures of this day alone.
    since
        Day of the assessment that gave the tier held; None: unknown.
    pending_since
        First assessment in a row at which a downgrade was due; None: none is.
    days_left
        Days until a pending move takes effect if nothing changes; None where none is pending.
    codes
        What happened at this assessment (``tiering/migration/reasons.py``), the event first.
    texts
        The same in words by language, with support for the time of transition.
    """

    raw_tier: str
    since: date | None
    pending_since: date | None
    days_left: float | None
    codes: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """What happened, one of ``tiering.migration.reasons.EVENTS``."""
        return self.codes[0]


@dataclass(frozen=True, slots=True)
class HeldBefore:
    """Tiers as the run before left them.

    Attributes
    ----------
    run_id
        The run before; None for the first.
    tiers
        Customer to (tier key, since, pending since); the key is that of ``Scheme.tier_key``, so
        that tiers of another scheme are nobody's (X9).
    """

    run_id: str | None = None
    tiers: Mapping[str, tuple[str, date | None, date | None]] = field(default_factory=dict)
