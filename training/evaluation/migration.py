"""What a migration policy does to grades over time: steadiness against accuracy and delay.

A history holds the raw grades of the same customers on many days, out of time, and the tiers they
turned out to deserve. A policy is replayed over it as it would have run, and judged by how often a
customer was moved and moved back, how often the tier in force was right, and how long a true
change took to arrive (Altman and Rijken 2004: stability, accuracy, timeliness).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from tiering.migration.move import move
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import MigrationState
from training.evaluation.judged import IntArray

ABSENT = -1
"""The tier of a customer that was not graded on a day, or whose outcome is open."""

QUARTER_DAYS = 91.3125
"""A quarter of a year of 365.25 days."""

WITHIN_DAYS = 183
"""Two quarters: a move that is taken back within them is a reversal."""

LASTS_DAYS = 90
"""A change of the deserved tier that lasts this long is a true one."""


@dataclass(frozen=True, slots=True, eq=False)
class GradeHistory:
    """Grades of ``n`` customers on ``k`` days.

    Attributes
    ----------
    days
        ``(k,)`` datetime64[D], ascending.
    tier, deserved
        ``(k, n)`` raw tier, and tier in hindsight; 0 the best, :data:`ABSENT` for none.
    score
        ``(k, n)`` points, NaN where absent.
    cuts
        ``(t,)`` lower bounds of the scheme's tiers, best to worst.
    """

    days: np.ndarray[Any, np.dtype[np.datetime64]]
    tier: IntArray
    deserved: IntArray
    score: FloatArray
    cuts: FloatArray

    @classmethod
    def of(
        cls,
        day: np.ndarray[Any, np.dtype[np.datetime64]],
        customer_id: np.ndarray[Any, np.dtype[np.str_]],
        tier: IntArray,
        deserved: IntArray,
        score: FloatArray,
        cuts: FloatArray,
    ) -> GradeHistory:
        """Return the history of ``(m,)`` graded customers and days, one row for each."""
        days, rows = np.unique(day, return_inverse=True)
        customers, columns = np.unique(customer_id, return_inverse=True)
        shape = (len(days), len(customers))
        grid = cls(
            days, np.full(shape, ABSENT), np.full(shape, ABSENT), np.full(shape, np.nan), cuts
        )
        grid.tier[rows, columns] = tier
        grid.deserved[rows, columns] = deserved
        grid.score[rows, columns] = score
        return grid


@dataclass(frozen=True, slots=True)
class Steadiness:
    """How a way to hold tiers did over a history.

    Attributes
    ----------
    moves, reversals
        Changes of tier a customer-year, and those among them that went back to the tier before
        within :data:`WITHIN_DAYS` of the move they undo.
    accuracy
        Share of graded customers and days whose tier was the deserved one.
    too_high, too_low
        Shares above and below the deserved tier.
    true_changes
        Lasting changes of the deserved tier.
    delay_quarters
        Mean time from a true change until the tier held had followed it, in quarters; one that
        never did counts until its customer was last seen.
    followed
        Share of the true changes that were followed.
    """

    moves: float
    reversals: float
    accuracy: float
    too_high: float
    too_low: float
    true_changes: int
    delay_quarters: float
    followed: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures for JSON."""
        return asdict(self)


def replay(history: GradeHistory, policy: MigrationPolicy) -> IntArray:
    """Return the tiers that a policy would have held, ``(k, n)``.

    A customer that is not graded on a day keeps its state.
    """
    held = np.full_like(history.tier, ABSENT)
    ids = [str(tier) for tier in range(len(history.cuts))]
    state = MigrationState.new(history.tier.shape[1])
    for row, day in enumerate(history.days):
        here = history.tier[row] != ABSENT
        before = MigrationState(state.tier[here], state.since[here], state.pending_since[here])
        after = move(
            policy, ids, before, history.tier[row, here].astype(np.intp), day,
            score=history.score[row, here], cuts=history.cuts,
        ).state  # fmt: skip
        for name in ("tier", "since", "pending_since"):
            getattr(state, name)[here] = getattr(after, name)
        held[row, here] = after.tier
    return held


def partial_moves(history: GradeHistory, threshold: float, down: float, up: float) -> IntArray:
    """Return the tiers held by the rule of Altman and Rijken, ``(k, n)``.

    Rating agencies move a rating only if the current score is more than a threshold away from
    the one the rating stands for, and then a part of the way.

    Parameters
    ----------
    threshold
        Points; agencies: 1.8 notches.
    down, up
        Share (0 to 1) of the way; agencies: 0.7 down, 0.6 up.
    """
    held = np.full_like(history.tier, ABSENT)
    stands_for = np.full(history.tier.shape[1], np.nan)
    for row in range(len(history.days)):
        score = history.score[row]
        here = ~np.isnan(score)
        gap = np.where(np.isnan(stands_for), 0.0, score - stands_for)
        part = np.where(gap < 0, down, up) * (np.abs(gap) > threshold)
        stands_for = np.where(
            here, np.where(np.isnan(stands_for), score, stands_for + part * gap), stands_for
        )
        tier = np.sum(stands_for[:, None] < history.cuts[:-1], axis=1)
        held[row] = np.where(here, tier, ABSENT)
    return held


def steadiness(history: GradeHistory, held: IntArray) -> Steadiness:
    """Judge tiers held ``(k, n)`` over a history; NaN where there is nothing to count."""
    moves = reversals = changes = followed = 0
    years = waited = 0.0
    ordinal = history.days.astype("datetime64[D]").astype(np.int64)
    for column in range(held.shape[1]):
        seen = np.flatnonzero(held[:, column] != ABSENT)
        if not seen.size:
            continue
        days, tiers = ordinal[seen], held[seen, column]
        years += float(days[-1] - days[0]) / 365.25
        moved, undone = _moves(days, tiers)
        moves, reversals = moves + moved, reversals + undone
        for start, side, better in _true_changes(days, history.deserved[seen, column]):
            there = tiers <= side if better else tiers >= side
            after = days[(days >= start) & there]
            changes += 1
            followed += bool(after.size)
            waited += float((after[0] if after.size else days[-1]) - start)
    known = (history.deserved != ABSENT) & (held != ABSENT)
    given, right = held[known], history.deserved[known]
    return Steadiness(
        moves=_ratio(moves, years),
        reversals=_ratio(reversals, years),
        accuracy=_ratio(int((given == right).sum()), given.size),
        too_high=_ratio(int((given < right).sum()), given.size),
        too_low=_ratio(int((given > right).sum()), given.size),
        true_changes=changes,
        delay_quarters=_ratio(waited / QUARTER_DAYS, changes),
        followed=_ratio(followed, changes),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _moves(days: IntArray, tiers: IntArray) -> tuple[int, int]:
    """Return how often one customer moved, and how often that undid the move before."""
    at = np.flatnonzero(np.diff(tiers)) + 1
    undone = sum(
        bool(tiers[later] == tiers[earlier - 1] and days[later] - days[earlier] <= WITHIN_DAYS)
        for earlier, later in itertools.pairwise(at)
    )
    return len(at), undone


def _true_changes(days: IntArray, deserved: IntArray) -> Sequence[tuple[int, int, bool]]:
    """Return day, new tier and direction of each lasting change of one customer's deserved tier.

    It lasts if every later tier of the next :data:`LASTS_DAYS` days is on the new side, and the
    outcomes are known for that long.
    """
    closed = np.flatnonzero(deserved != ABSENT)
    known, tiers = days[closed], deserved[closed]
    found: list[tuple[int, int, bool]] = []
    for place in np.flatnonzero(np.diff(tiers)) + 1:
        start, new, better = known[place], tiers[place], tiers[place] < tiers[place - 1]
        if known[-1] - start < LASTS_DAYS:
            continue
        after = tiers[(known >= start) & (known <= start + LASTS_DAYS)]
        if (after <= new).all() if better else (after >= new).all():
            found.append((int(start), int(new), bool(better)))
    return found
