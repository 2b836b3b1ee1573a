"""From the raw tiers of a run to the tiers customers hold, given those of the run before.

The run before is the last one of an earlier day, so grading a day again starts from the same
place. Where its scheme had other tiers, everybody is new to this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from features.schema import FloatArray
from serving.domain.grade import Grade
from serving.domain.tenure import HeldBefore, TierTenure
from tiering.migration.move import Moves, move
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import NEW, MigrationState
from tiering.migration.words import move_texts
from tiering.policy import Scheme
from tiering.sheet import DECIMALS

NEVER = np.datetime64("NaT", "D")


def hold(grades: Sequence[Grade], scheme: Scheme, before: HeldBefore, day: date) -> list[Grade]:
    """Return the grades with the tiers held, and how each customer came to its own.

    Parameters
    ----------
    grades
        As the scheme gives them by the figures of the day.
    before
        As the run before left the tiers.
    """
    if not grades:
        return []
    policy = scheme.migration or MigrationPolicy()
    ids = [tier.id for tier in scheme.tiers]
    cuts = np.array(scheme.cuts) if scheme.decider == "score" else None
    moves = move(
        policy,
        ids,
        _state(grades, [scheme.tier_key(index) for index in range(len(ids))], before),
        np.array([grade.tier.index for grade in grades], dtype=np.intp),
        np.datetime64(day, "D"),
        score=np.array([grade.score for grade in grades]),
        cuts=cuts,
        margin_up=_column([grade.margin_up for grade in grades]),
        margin_down=_column([grade.margin_down for grade in grades]),
        values={
            name: _column([grade.value(name) for grade in grades]) for name in policy.indicators
        },
    )
    return [_held(grade, scheme, policy, ids, cuts, moves, row) for row, grade in enumerate(grades)]


def _state(grades: Sequence[Grade], keys: Sequence[str], before: HeldBefore) -> MigrationState:
    known = [before.tiers.get(grade.customer_id) for grade in grades]
    place = {key: index for index, key in enumerate(keys)}
    return MigrationState(
        tier=np.array([place.get(k[0], NEW) if k else NEW for k in known], dtype=np.intp),
        since=np.array([_day(k[1] if k else None) for k in known], dtype="datetime64[D]"),
        pending_since=np.array([_day(k[2] if k else None) for k in known], dtype="datetime64[D]"),
    )


def _held(
    grade: Grade,
    scheme: Scheme,
    policy: MigrationPolicy,
    ids: Sequence[str],
    cuts: FloatArray | None,
    moves: Moves,
    row: int,
) -> Grade:
    held = int(moves.tier[row])
    days_left = float(moves.days_left[row])
    tenure = TierTenure(
        raw_tier=grade.tier.id,
        since=_date(moves.state.since[row]),
        pending_since=_date(moves.state.pending_since[row]),
        days_left=None if np.isnan(days_left) else days_left,
        codes=moves.codes(row),
        texts={
            "en": move_texts(
                policy, ids, [t.label_en for t in scheme.tiers], moves, row, "en", cuts=cuts
            ),
            "zh-CN": move_texts(
                policy, ids, [t.label_zh for t in scheme.tiers], moves, row, "zh", cuts=cuts
            ),
        },
    )
    if held == grade.tier.index:
        return replace(grade, tenure=tenure)
    up, down = _margins(grade.score, held, cuts)
    return replace(
        grade, tier=grade.basis.tiers[held], tenure=tenure, margin_up=up, margin_down=down
    )


def _margins(score: float, held: int, cuts: FloatArray | None) -> tuple[float | None, float | None]:
    """Return the points to the tiers beside the one held; below 0 beyond that border already."""
    if cuts is None:
        return None, None
    up = None if held == 0 else round(float(cuts[held - 1]) - score, DECIMALS)
    down = None if held == len(cuts) - 1 else round(score - float(cuts[held]), DECIMALS)
    return up, down


def _column(numbers: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if number is None else number for number in numbers])


def _day(day: date | None) -> np.datetime64:
    return NEVER if day is None else np.datetime64(day, "D")


def _date(day: np.datetime64) -> date | None:
    found: date | None = None if np.isnat(day) else day.astype(date)
    return found
