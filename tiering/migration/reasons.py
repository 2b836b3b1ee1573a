"""What can happen to a tier at an assessment, and the words that say so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENTERED = "entered"
UNCHANGED = "unchanged"
HELD_BY_HYSTERESIS = "held_by_hysteresis"
HELD_BY_CONDITIONS = "held_by_conditions"
HELD_BY_DWELL = "held_by_dwell"
IN_GRACE = "in_grace"
UPGRADED = "upgraded"
AUTOMATIC_UPGRADE = "automatic_upgrade"
DOWNGRADED = "downgraded"
EVENTS: tuple[str, ...] = (
    *(ENTERED, UNCHANGED, HELD_BY_HYSTERESIS, HELD_BY_CONDITIONS, HELD_BY_DWELL, IN_GRACE),
    *(UPGRADED, AUTOMATIC_UPGRADE, DOWNGRADED),
)
"""Exactly one of these happens to each customer at each assessment."""

RECOVERED = "recovered"
HELD_BY_MARGIN = "held_by_margin"
"""Says :data:`HELD_BY_HYSTERESIS` where no score decided; no code of its own."""

BY_CONDITIONS = "by_conditions"
PARTIAL_MOVE = "partial_move"
DECIDED = "decided"

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        ENTERED: ("First grade: {tier}.", "首次评级：{tier}。"),
        UNCHANGED: ("{tier}, as before.", "维持{tier}。"),
        HELD_BY_HYSTERESIS: (
            "The score {score:.1f} lies in {raw}, but less than {beyond:g} points beyond the cut "
            "at {cut:g}; {tier} is kept.",
            "得分{score:.1f}属{raw}，但越过分级线{cut:g}分不足{beyond:g}分，维持{tier}。",
        ),
        HELD_BY_MARGIN: (
            "The figures lie in {raw}, but less than {beyond:g} points beyond its border; {tier} "
            "is kept.",
            "数据属{raw}，但越过其界限不足{beyond:g}分，维持{tier}。",
        ),
        HELD_BY_CONDITIONS: (
            "The score alone would not keep {tier}; its conditions do.",
            "仅按得分不足以维持{tier}，因满足其条件而维持。",
        ),
        HELD_BY_DWELL: (
            "{target} is due; a tier is held for at least {dwell} days, and {days_left} are left. "
            "{tier} is kept until then.",
            "应调整为{target}；等级至少保持{dwell}天，尚余{days_left}天，期间维持{tier}。",
        ),
        IN_GRACE: (
            "A downgrade to {target} is due and pending; {tier} is kept for {days_left} more days, "
            "unless the customer recovers.",
            "应降级为{target}，处于过渡期：{tier}再保留{days_left}天，期间恢复则取消降级。",
        ),
        UPGRADED: ("Upgraded from {before} to {tier}.", "由{before}升级为{tier}。"),
        AUTOMATIC_UPGRADE: (
            "Upgraded automatically from {before} to {tier}.",
            "由{before}自动升级为{tier}。",
        ),
        DOWNGRADED: ("Downgraded from {before} to {tier}.", "由{before}降级为{tier}。"),
        BY_CONDITIONS: (
            "The conditions of {target} hold: {conditions}.",
            "满足{target}的条件：{conditions}。",
        ),
        RECOVERED: (
            "The downgrade that was pending since {pending_since} is lifted.",
            "自{pending_since}起待执行的降级已取消。",
        ),
        PARTIAL_MOVE: (
            "{target} is due; one assessment moves no further than {steps}.",
            "应调整为{target}；单次评估最多调整{steps}级。",
        ),
        DECIDED: ("The expert panel decided.", "由评审会决定。"),
    }
)
"""Code to format strings (English, Chinese). Fields: ``before``, ``raw``, ``target`` and ``tier``
as labels, ``score``, ``cut`` and ``beyond`` in points, ``dwell`` and ``days_left`` in days,
``steps`` in tiers, ``conditions`` and ``pending_since`` as text."""
