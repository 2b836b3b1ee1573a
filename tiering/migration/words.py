"""What happened to a customer's tier, in words of both languages (requirements #57, #59)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from features.schema import FloatArray, describe
from tiering.condition import Condition
from tiering.migration import reasons as r
from tiering.migration.move import Moves
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import NEW

Language = Literal["en", "zh"]


def move_texts(
    policy: MigrationPolicy,
    tier_ids: Sequence[str],
    labels: Sequence[str],
    moves: Moves,
    row: int,
    language: Language,
    *,
    cuts: FloatArray | None = None,
) -> tuple[str, ...]:
    """Return the sentences about one customer, in the order of its codes; support comes last.

    Parameters
    ----------
    tier_ids, labels
        ``(t,)`` tiers of the scheme, best to worst, and their names in the language.
    cuts
        As handed to :func:`~tiering.migration.move.move`.
    """
    held, tier = int(moves.before.tier[row]), int(moves.tier[row])
    raw, target = int(moves.raw[row]), int(moves.target[row])
    up = raw < held
    steps = policy.max_steps_up if target < held else policy.max_steps_down
    days_left = float(moves.days_left[row])
    fields: dict[str, object] = {
        "before": labels[held] if held != NEW else "",
        "tier": labels[tier],
        "raw": labels[raw],
        "target": labels[target],
        "score": float(moves.score[row]),
        "cut": float("nan") if cuts is None else float(cuts[held - 1 if up else held]),
        "beyond": policy.hysteresis_up if up else policy.hysteresis_down,
        "dwell": policy.min_dwell_days,
        "days_left": 0 if np.isnan(days_left) else int(days_left),
        "steps": steps,
        "conditions": _conditions(policy, tier_ids[target], language),
        "pending_since": str(moves.before.pending_since[row]),
    }
    at = 0 if language == "en" else 1
    codes = moves.codes(row)
    told = {} if _by_score(moves, row, cuts) else {r.HELD_BY_HYSTERESIS: r.HELD_BY_MARGIN}
    said = tuple(r.TEXTS[told.get(code, code)][at].format_map(fields) for code in codes)
    return said + (support_texts(policy, tier_ids[tier], language) if r.IN_GRACE in codes else ())


def _by_score(moves: Moves, row: int, cuts: FloatArray | None) -> bool:
    if cuts is None:
        return False
    return int(np.sum(moves.score[row] < cuts[:-1])) == int(moves.raw[row])


def support_texts(policy: MigrationPolicy, tier_id: str, language: Language) -> tuple[str, ...]:
    """Return what a customer of a tier is given while its downgrade is pending."""
    return tuple(
        support.text_en if language == "en" else support.text_zh
        for support in policy.support
        if support.tier == tier_id
    )


def _conditions(policy: MigrationPolicy, tier_id: str, language: Language) -> str:
    every = [c for u in policy.automatic if u.tier == tier_id for c in u.conditions]
    return (", " if language == "en" else "、").join(_condition(c, language) for c in every)


def _condition(condition: Condition, language: Language) -> str:
    described = describe(condition.indicator)
    label = described.label_en if language == "en" else described.label_zh
    return f"{label} {'≥' if condition.sign == '>=' else '<'} {condition.limit:,g}"
