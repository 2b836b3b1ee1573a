"""The migration policy for one customer at a time, written to be obvious."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Rules:
    up: float = 0.0
    down: float = 0.0
    dwell: int = 0
    grace: int = 0
    steps_up: int = 99
    steps_down: int = 99


@dataclass(frozen=True)
class Held:
    tier: int = -1
    since: date | None = None
    pending: date | None = None


def by_score(score: float, cuts: list[float], shift: float) -> int:
    for tier, cut in enumerate(cuts[:-1]):
        if score >= cut + shift:
            return tier
    return len(cuts) - 1


def step(
    rules: Rules,
    held: Held,
    raw: int,
    score: float | None,
    cuts: list[float],
    floor: int,
    decided: bool,
    day: date,
) -> tuple[Held, str]:
    """Return what is held afterwards, and what happened."""
    if held.tier == -1:
        return Held(raw if decided else min(raw, floor), day), "entered"
    if decided:
        if raw == held.tier:
            return Held(raw, held.since), "unchanged"
        return Held(raw, day), "upgraded" if raw < held.tier else "downgraded"

    upwards = downwards = raw
    if score is not None and by_score(score, cuts, 0.0) == raw:
        upwards = by_score(score, cuts, rules.up)
        downwards = by_score(score, cuts, -rules.down)
    alone = held.tier
    if upwards < held.tier:
        alone = upwards
    elif downwards > held.tier:
        alone = downwards
    due = alone
    due = min(due, floor)

    aged = held.since is None or (day - held.since).days >= rules.dwell
    if due == held.tier:
        if floor < alone:
            return Held(due, held.since), "held_by_conditions"
        return Held(due, held.since), "unchanged" if raw == due else "held_by_hysteresis"
    if due < held.tier:
        if not aged:
            return Held(held.tier, held.since), "held_by_dwell"
        tier = max(due, held.tier - rules.steps_up)
        return Held(tier, day), "automatic_upgrade" if floor < alone else "upgraded"
    pending = held.pending or day
    if (day - pending).days < rules.grace:
        return Held(held.tier, held.since, pending), "in_grace"
    if not aged:
        return Held(held.tier, held.since, pending), "held_by_dwell"
    tier = min(due, held.tier + rules.steps_down)
    return Held(tier, day, day if due > tier else None), "downgraded"
