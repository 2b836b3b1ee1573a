"""What becomes of a review case, step by step; pure, without clock or store.

::

    open ──claim──▶ claimed ──decide──▶ decided ──close──▶ closed
     │ ▲             │  │ ▲               │                  │
     │ └─release─────┘  │ └vote           └────appeal────────┴──▶ appealed
     │ └─escalate───────┘                   (another case, on the same machine, answers it)
     └─withdraw──▶ withdrawn  (from claimed only by an appeal that takes its place)

A nightly run may renew or withdraw what nobody has taken on. What somebody has claimed, or what
has gone to the second level, stays as it was claimed: people who vote look at the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from tiering.errors import TransitionError


class CaseStatus(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    """Somebody leads it, and the panel votes."""
    DECIDED = "decided"
    """The votes are counted and shown; what was decided is in force."""
    CLOSED = "closed"
    """Somebody else than who counted has signed it off."""
    APPEALED = "appealed"
    """The customer did not accept it; another case answers the appeal."""
    WITHDRAWN = "withdrawn"
    """A later run no longer refers the customer, or an appeal took its place."""


LIVE = frozenset({CaseStatus.OPEN, CaseStatus.CLAIMED})
"""There is at most one live case of a customer."""

SHOWN = frozenset({CaseStatus.DECIDED, CaseStatus.CLOSED, CaseStatus.APPEALED})
"""Only here does anybody see the votes of others."""


class Step(StrEnum):
    """What can be done with a case."""

    CLAIM = "claim"
    RELEASE = "release"
    VOTE = "vote"
    ESCALATE = "escalate"
    DECIDE = "decide"
    CLOSE = "close"
    APPEAL = "appeal"
    RENEW = "renew"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    """An appeal takes the place of a case that was not decided yet."""


_C, _S = CaseStatus, Step
NEXT: Mapping[tuple[CaseStatus, Step], CaseStatus] = MappingProxyType(
    {
        (_C.OPEN, _S.CLAIM): _C.CLAIMED,
        (_C.OPEN, _S.ESCALATE): _C.OPEN,
        (_C.OPEN, _S.RENEW): _C.OPEN,
        (_C.OPEN, _S.WITHDRAW): _C.WITHDRAWN,
        (_C.OPEN, _S.SUPERSEDE): _C.WITHDRAWN,
        (_C.CLAIMED, _S.RELEASE): _C.OPEN,
        (_C.CLAIMED, _S.VOTE): _C.CLAIMED,
        (_C.CLAIMED, _S.ESCALATE): _C.OPEN,
        (_C.CLAIMED, _S.DECIDE): _C.DECIDED,
        (_C.CLAIMED, _S.SUPERSEDE): _C.WITHDRAWN,
        (_C.DECIDED, _S.CLOSE): _C.CLOSED,
        (_C.DECIDED, _S.APPEAL): _C.APPEALED,
        (_C.CLOSED, _S.APPEAL): _C.APPEALED,
    }
)
"""Every step that can be taken; there is no other."""

_DONE: Mapping[Step, str] = MappingProxyType(
    {
        _S.CLAIM: "claimed",
        _S.RELEASE: "released",
        _S.VOTE: "voted on",
        _S.ESCALATE: "escalated",
        _S.DECIDE: "decided",
        _S.CLOSE: "closed",
        _S.APPEAL: "appealed",
        _S.RENEW: "renewed",
        _S.WITHDRAW: "withdrawn",
        _S.SUPERSEDE: "superseded",
    }
)


def advance(status: CaseStatus, step: Step) -> CaseStatus:
    """Return where a step leads.

    Raises
    ------
    TransitionError
        If it cannot be taken from there.
    """
    after = NEXT.get((status, step))
    if after is None:
        possible = sorted(s.value for c, s in NEXT if c is status)
        raise TransitionError(
            f"The case is {status.value}; it cannot be {_DONE[step]}.",
            hint=f"From here: {', '.join(possible)}." if possible else "Nothing follows this.",
            state=status.value,
        )
    return after
