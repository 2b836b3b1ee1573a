"""What a run does to the alerts there are: opens, renews, reopens, ends, escalates; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tiering.alerts.catalogue import SEVERITIES, AlertCatalogue, Level
from tiering.alerts.lifecycle import (
    AlertState,
    Outcome,
    Standing,
    end,
    escalate,
    is_graver,
)

Key = tuple[str, str]
"""Customer id and kind of alert."""


class Step(StrEnum):
    """What a run did to an alert."""

    OPENED = "opened"
    RENEWED = "renewed"
    WORSENED = "worsened"
    REOPENED = "reopened"
    ENDED = "ended"
    CLEARED = "cleared"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Finding:
    """An alert that a run raised.

    Attributes
    ----------
    level
        The level it is raised at.
    tier
        Index of the customer's tier, 0 the best; behind all tiers for a customer without.
    worth
        What the customer is worth, money: larger ones come first where not all can.
    """

    level: Level
    tier: int
    worth: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a run does to the alerts.

    Attributes
    ----------
    steps
        By key, what was done and where the alert stands now; what stays as it is is left
        out.
    waiting
        By kind, how many were raised and not opened, as ``live_limit`` are live already.
    """

    steps: Mapping[Key, tuple[Step, Standing]]
    waiting: Mapping[str, int] = field(default_factory=dict)


def renew(
    catalogue: AlertCatalogue,
    before: Mapping[Key, Standing],
    found: Mapping[Key, Finding],
    unmeasured: Collection[Key],
    now: datetime,
    due: Callable[[Level, datetime], datetime],
) -> Renewal:
    """Decide what becomes of alerts after a run.

    Parameters
    ----------
    before
        Alerts that are live, or resolved and not yet cleared.
    found
        What the run raised.
    unmeasured
        What it could not measure; those alerts are neither renewed nor ended.
    due
        Returns the deadline of a level for an alert raised at an instant.
    """
    steps: dict[Key, tuple[Step, Standing]] = {}
    for key, standing in before.items():
        if key in found:
            step = _still_there(standing, found[key].level, catalogue.quiet_days, now, due)
        elif key in unmeasured:
            step = (Step.RENEWED, standing)
        else:
            over = Step.ENDED if standing.is_live else Step.CLEARED
            step = (over, end(standing, now))
        late = escalate(step[1], now)
        steps[key] = step if late is step[1] else (Step.ESCALATED, late)
    live = Counter(
        (kind, rank)
        for (_, kind), (_, standing) in steps.items()
        if standing.is_live
        for rank in range(SEVERITIES.index(standing.severity) + 1)
    )
    waiting: Counter[str] = Counter()
    for (customer, kind), finding in urgent_first(found.items()):
        if (customer, kind) in before:
            continue
        # Those at least as grave count: no number of yellow ones keeps a red one out.
        grave = SEVERITIES.index(finding.level.severity)
        if live[kind, grave] >= catalogue.live_limit:
            waiting[kind] += 1
            continue
        live.update((kind, rank) for rank in range(grave + 1))
        steps[customer, kind] = (Step.OPENED, _opened(finding.level, now, due))
    changed = {
        key: (step, standing)
        for key, (step, standing) in steps.items()
        # A resolved case keeps the numbers it was resolved with.
        if step is not Step.RENEWED or (key in found and standing.is_live)
    }
    return Renewal(changed, dict(waiting))


def _still_there(
    standing: Standing,
    level: Level,
    quiet_days: int,
    now: datetime,
    due: Callable[[Level, datetime], datetime],
) -> tuple[Step, Standing]:
    graver = is_graver(level.severity, standing.severity)
    if not standing.is_live:
        rested = now - (standing.closed_at or now) >= timedelta(days=quiet_days)
        # Who called it a false alarm is not asked again about the same.
        if graver or (rested and standing.outcome is not Outcome.FALSE_ALARM):
            again = _opened(level, now, due)
            return Step.REOPENED, replace(again, reopened=standing.reopened + 1)
        return Step.RENEWED, standing
    if graver:
        return Step.WORSENED, replace(_opened(level, now, due), reopened=standing.reopened)
    eased = replace(
        standing,
        severity=level.severity,
        owner=level.owner,
        escalates_to=level.escalates_to,
        needs_analysis=level.needs_analysis,
    )
    return Step.RENEWED, eased


def _opened(level: Level, now: datetime, due: Callable[[Level, datetime], datetime]) -> Standing:
    return Standing(
        severity=level.severity,
        owner=level.owner,
        escalates_to=level.escalates_to,
        needs_analysis=level.needs_analysis,
        state=AlertState.OPEN,
        raised_at=now,
        due_at=due(level, now),
    )


def urgent_first(found: Iterable[tuple[Key, Finding]]) -> list[tuple[Key, Finding]]:
    """Return findings in the order in which they are opened while there is room."""

    def urgency(item: tuple[Key, Finding]) -> tuple[int, int, float, Key]:
        key, finding = item
        return -SEVERITIES.index(finding.level.severity), finding.tier, -finding.worth, key

    return sorted(found, key=urgency)
