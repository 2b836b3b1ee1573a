"""One customer's tier in plain numbers: what ``tiering.assign.decide`` says of it, to the bit.

NumPy takes a microsecond for a step, whether for one customer or a thousand, and a decision is
some hundred steps. Schemes that do not decide by score alone are asked the common way.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan

import numpy as np

from tiering.assign import decide
from tiering.challenge import EXPLAINED, RATIOS
from tiering.decision import Decision
from tiering.plan import plan_of
from tiering.policy import Scheme
from tiering.referral import (
    BORDER_MARGIN,
    DORMANT,
    MISSING_DIMENSION,
    MISSING_WEIGHT,
    REASONS,
    UNEXPLAINED_JUMP,
)
from tiering.scores import Reference
from tiering.sheet import rounded, score_of_one


def decide_alone(
    scheme: Scheme, reference: Reference, known: Mapping[str, float], *, dormant: bool
) -> Decision:
    """Grade one customer.

    Parameters
    ----------
    known
        As the values of ``decide``: name to a value, NaN where unknown.
    dormant
        The flag of that name.

    Raises
    ------
    UngradableError
        As ``decide`` does.
    """
    plan = plan_of(scheme, reference)
    if not plan.by_score or not plan.asked <= known.keys():
        return _among_others(scheme, reference, known, dormant)
    stage = 0
    if plan.lifecycle is not None:
        stage = int(plan.row_of_stage[plan.lifecycle.stage_of_one(known)])
    scored = score_of_one(plan, stage, [known[name] for name in plan.indicator])
    if all(scored.missing_dimension):
        return _among_others(scheme, reference, known, dormant)  # which says what is wrong

    cuts: list[float] = plan.cuts.tolist()
    tier = sum([scored.score < cut for cut in cuts])
    up = rounded(cuts[tier - 1] - scored.score) if tier else nan
    down = rounded(scored.score - cuts[tier]) if tier < len(cuts) - 1 else nan
    rule, jump = scheme.referral, _jump(known)
    limit = rule.max_jump_ratio or 0.0
    held = {
        BORDER_MARGIN: up < rule.band or down < rule.band,
        MISSING_WEIGHT: scored.missing_weight > rule.max_missing_weight and not dormant,
        MISSING_DIMENSION: any(scored.missing_dimension),
        UNEXPLAINED_JUMP: limit > 0.0 and jump >= limit and not known.get(EXPLAINED, nan) > 0.0,
        DORMANT: dormant,
    }
    stated = 1.0 if scheme.confidence is None else scheme.confidence
    return Decision(
        scheme=scheme,
        scored=scored,
        tier=tier,
        margin_up=up,
        margin_down=down,
        confidence=stated * (1.0 - scored.missing_weight),
        segment=None,
        referred=held[BORDER_MARGIN]
        or held[MISSING_WEIGHT]
        or held[UNEXPLAINED_JUMP]
        or (dormant and DORMANT in rule.refer_flags),
        jump=jump,
        reasons=tuple([code for code in REASONS if held.get(code)]),
        best=tier,
    )


def _among_others(
    scheme: Scheme, reference: Reference, known: Mapping[str, float], dormant: bool
) -> Decision:
    columns = {name: np.array([value]) for name, value in known.items()}
    return decide(scheme, reference, columns, flags={DORMANT: np.array([dormant])}).of(0)


def _jump(known: Mapping[str, float]) -> float:
    """Return ``tiering.challenge.jump_ratio`` of one customer."""
    one, other = (known.get(name, nan) for name in RATIOS)
    if isnan(one) or isnan(other):
        return other if isnan(one) else one
    return max(one, other)
