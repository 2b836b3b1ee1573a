"""What becomes of an alert: open, acknowledged, resolved; pure, without clock or store.

::

    open ──acknowledge──▶ acknowledged ──resolve──▶ resolved ──still there──▶ open (reopened)
      │  ▲                     │  │
      │  └──────graver─────────┘  │
      └──────resolve──▶ resolved  └──the condition ended──▶ ended  (from open too)

There is at most one live alert (open or acknowledged) of a customer and kind; a run that finds
the condition again renews it. What a run could not measure it neither renews nor ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tiering.alerts.catalogue import SEVERITIES, Severity
from tiering.errors import TransitionError


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    ENDED = "ended"
    """The condition ended before anybody resolved the alert."""


LIVE = frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED})


class Outcome(StrEnum):
    """What came of a resolved alert."""

    RECOVERED = "recovered"
    PARTLY = "partly_recovered"
    LOST = "lost"
    FALSE_ALARM = "false_alarm"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an alert of a customer stands.

    Attributes
    ----------
    severity, owner, escalates_to, needs_analysis
        Of the level it is raised at now.
    state
        Where it stands.
    raised_at, due_at
        When it was raised, or reopened, and until when somebody has to respond; naive UTC.
    responded_at
        When somebody did: acknowledged it, or filed the analysis where one is needed.
    analysed
        Whether an analysis of the cause is filed.
    escalated_at
        When it went to ``escalates_to`` for lack of a response.
    closed_at, outcome, measure
        When and how it was resolved or ended, and by what measure.
    cleared
        Whether its condition was seen to be over; a resolved alert that is cleared never
        comes back, the next one is new.
    reopened
        How often it came back.
    """

    severity: Severity
    owner: str
    escalates_to: str
    needs_analysis: bool
    state: AlertState
    raised_at: datetime
    due_at: datetime
    responded_at: datetime | None = None
    analysed: bool = False
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None
    measure: str | None = None
    cleared: bool = False
    reopened: int = 0

    @property
    def is_live(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state in LIVE

    @property
    def responsible(self) -> str:
        """The role that has to act now."""
        return self.owner if self.escalated_at is None else self.escalates_to


def acknowledge(alert: Standing, at: datetime) -> Standing:
    """Take an open alert on.

    Raises
    ------
    TransitionError
        If it is not open.
    """
    if alert.state is not AlertState.OPEN:
        raise _refused("acknowledged", alert)
    responded = alert.responded_at
    if responded is None and not alert.needs_analysis:
        responded = at
    return replace(alert, state=AlertState.ACKNOWLEDGED, responded_at=responded)


def analyse(alert: Standing, at: datetime) -> Standing:
    """File the analysis of the cause; it is a response, and takes an open alert on.

    Raises
    ------
    TransitionError
        If the alert is over.
    """
    if not alert.is_live:
        raise _refused("analysed", alert)
    return replace(
        alert,
        state=AlertState.ACKNOWLEDGED,
        analysed=True,
        responded_at=alert.responded_at or at,
    )


def resolve(alert: Standing, at: datetime, outcome: Outcome, measure: str) -> Standing:
    """Close a live alert with what came of it.

    Raises
    ------
    TransitionError
        If it is over already, or lacks the analysis that its level asks for (#78).
    """
    if not alert.is_live:
        raise _refused("resolved", alert)
    if alert.needs_analysis and not alert.analysed:
        raise TransitionError(
            "The alert cannot be resolved before its cause is analysed.",
            hint="File the analysis first, or with the resolution.",
            state=alert.state.value,
        )
    return replace(
        alert,
        state=AlertState.RESOLVED,
        closed_at=at,
        responded_at=alert.responded_at or at,
        outcome=outcome,
        measure=measure,
    )


def end(alert: Standing, at: datetime) -> Standing:
    """Note that the condition is over: a live alert ends, a resolved one is cleared."""
    if alert.is_live:
        return replace(alert, state=AlertState.ENDED, closed_at=at, cleared=True)
    return replace(alert, cleared=True)


def escalate(alert: Standing, at: datetime) -> Standing:
    """Hand a live alert on that nobody responded to in time; others stay as they are."""
    late = alert.is_live and alert.responded_at is None and alert.due_at < at
    return replace(alert, escalated_at=at) if late and alert.escalated_at is None else alert


def is_graver(severity: Severity, than: Severity) -> bool:
    """Tell whether one colour is graver than another."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


def _refused(step: str, alert: Standing) -> TransitionError:
    return TransitionError(
        f"The alert is {alert.state.value}; it cannot be {step}.",
        hint="Read the alert again.",
        state=alert.state.value,
    )
