"""From the raw tiers of a run to the tiers customers hold, given those of the run before.

The run before is the last one of an earlier day, so grading a day again starts from the same
place. Where its scheme had other tiers, everybody is new to this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from features.schema import FloatArray
from serving.domain.grade import Grade
from serving.domain.tenure import HeldBefore, TierTenure
from tiering.migration.move import Moves, move
from tiering.migration.policy import MigrationPolicy
from tiering.migration.reasons import HELD_BY_HYSTERESIS
from tiering.migration.state import NEW, DayArray, MigrationState
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
    told = _Told(scheme, policy, ids, cuts, moves)
    since, pending = _dates(moves.state.since), _dates(moves.state.pending_since)
    held, days_left = moves.tier.tolist(), moves.days_left.tolist()
    return [
        _held(
            grade,
            held[row],
            cuts,
            TierTenure(
                raw_tier=grade.tier.id,
                since=since[row],
                pending_since=pending[row],
                days_left=None if days_left[row] != days_left[row] else days_left[row],
                codes=(codes := moves.codes(row)),
                texts=told.texts(row, codes),
            ),
        )
        for row, grade in enumerate(grades)
    ]


class _Told:
    """What happened, in both languages; most customers are told the same as others."""

    def __init__(
        self,
        scheme: Scheme,
        policy: MigrationPolicy,
        ids: Sequence[str],
        cuts: FloatArray | None,
        moves: Moves,
    ) -> None:
        self._policy, self._ids, self._cuts, self._moves = policy, ids, cuts, moves
        self._en = [tier.label_en for tier in scheme.tiers]
        self._zh = [tier.label_zh for tier in scheme.tiers]
        self._known: dict[tuple[object, ...], Mapping[str, tuple[str, ...]]] = {}
        self._rows = list(
            zip(
                moves.before.tier.tolist(),
                moves.tier.tolist(),
                moves.raw.tolist(),
                moves.target.tolist(),
                np.nan_to_num(moves.days_left, nan=-1.0).tolist(),
                moves.before.pending_since.astype("int64").tolist(),
                strict=True,
            )
        )

    def texts(self, row: int, codes: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        """Return the sentences about one customer, by language."""
        if HELD_BY_HYSTERESIS in codes:  # They name the customer's own score.
            return self._written(row)
        key = (codes, *self._rows[row])
        if key not in self._known:
            self._known[key] = self._written(row)
        return self._known[key]

    def _written(self, row: int) -> Mapping[str, tuple[str, ...]]:
        policy, ids, moves, cuts = self._policy, self._ids, self._moves, self._cuts
        return {
            "en": move_texts(policy, ids, self._en, moves, row, "en", cuts=cuts),
            "zh-CN": move_texts(policy, ids, self._zh, moves, row, "zh", cuts=cuts),
        }


def _state(grades: Sequence[Grade], keys: Sequence[str], before: HeldBefore) -> MigrationState:
    known = [before.tiers.get(grade.customer_id) for grade in grades]
    place = {key: index for index, key in enumerate(keys)}
    return MigrationState(
        tier=np.array([place.get(k[0], NEW) if k else NEW for k in known], dtype=np.intp),
        since=np.array([_day(k[1] if k else None) for k in known], dtype="datetime64[D]"),
        pending_since=np.array([_day(k[2] if k else None) for k in known], dtype="datetime64[D]"),
    )


def _held(grade: Grade, held: int, cuts: FloatArray | None, tenure: TierTenure) -> Grade:
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


def _dates(days: DayArray) -> list[date | None]:
    # Not a day becomes None.
    found: list[date | None] = days.astype("datetime64[D]").tolist()
    return found
