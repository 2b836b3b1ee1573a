"""A vote of a panel, sealed until the case is decided.

While a case is open the audit trail holds only a commitment to each vote: a hash over the vote
and a salt. The decision reveals both, so anybody can check that no vote was changed, added or
left out after the others were seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody said about a case; a change is another vote, and the last one counts.

    Attributes
    ----------
    level
        Index of the level it was cast at.
    sequence
        1, 2, ... within the case.
    reason
        Code of the panel policy.
    confidence
        How sure, 0 to 1.
    salt
        Random hex; without it a commitment cannot be guessed from the few possible votes.
    """

    case_id: str
    level: int
    sequence: int
    voter: str
    seat: str
    tier_id: str
    reason: str
    text: str
    confidence: float
    at: datetime
    salt: str

    @property
    def commitment(self) -> str:
        """SHA-256 (hex) over everything but the instant."""
        content = [
            *(self.salt, self.case_id, self.level, self.sequence, self.voter, self.seat),
            *(self.tier_id, self.reason, self.text, self.confidence),
        ]
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def counting(votes: tuple[Vote, ...], level: int) -> tuple[Vote, ...]:
    """Return the last vote of each voter at a level, in the order of their voters."""
    last = {vote.voter: vote for vote in votes if vote.level == level}
    return tuple(last[voter] for voter in sorted(last))
