"""One assessment: from the tiers held and the raw tiers to the tiers held from now on.

For a customer that holds a tier, in this order:

1. **Hysteresis** makes a corridor of tiers: no worse than the raw tier of the score lowered by
   ``hysteresis_up``, no better than that of the score raised by ``hysteresis_down``. The tier held
   is moved into the corridor and no further: that is the tier due.
2. **Conditions** of an automatic upgrade are a floor below which the tier due does not fall (#57);
   while they hold, nobody is upgraded by them and downgraded by the score in turns.
3. **Steps**: one assessment moves no further than the policy allows.
4. **Dwell**: no move before the tier was held for ``min_dwell_days``.
5. **Grace**: a downgrade must have been due for ``grace_days``, at every assessment since (#59).

What the panel decided takes effect at once, and so does a first grade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.condition import BoolArray
from tiering.errors import PolicyError
from tiering.migration import reasons as r
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import NEW, DayArray, MigrationState, TierArray


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """What an assessment did to ``n`` customers.

    Attributes
    ----------
    before, state
        The states before and after; ``state.tier`` is the tier held from now on.
    raw
        ``(n,)`` tier by the scheme.
    target
        ``(n,)`` tier due: after hysteresis and conditions, before steps, dwell and grace.
    score
        ``(n,)`` points; NaN where no score decided.
    event
        ``(n,)`` index into ``reasons.EVENTS``.
    days_left
        ``(n,)`` days until a pending move takes effect if nothing changes; NaN where none is.
    by_conditions, partial, recovered, decided
        ``(n,)`` masks: the tier due is better than the score alone would give; the move was
        stopped by the number of steps; a pending downgrade was lifted; the panel decided.
    """

    before: MigrationState
    state: MigrationState
    raw: TierArray
    target: TierArray
    score: FloatArray
    event: npt.NDArray[np.intp]
    days_left: FloatArray
    by_conditions: BoolArray
    partial: BoolArray
    recovered: BoolArray
    decided: BoolArray

    @property
    def tier(self) -> TierArray:
        """``(n,)`` tier held from now on."""
        return self.state.tier

    def codes(self, row: int) -> tuple[str, ...]:
        """Return the reason codes of one customer; its event comes first."""
        also = {
            r.BY_CONDITIONS: self.by_conditions,
            r.PARTIAL_MOVE: self.partial,
            r.RECOVERED: self.recovered,
            r.DECIDED: self.decided,
        }
        event = r.EVENTS[int(self.event[row])]
        return (event, *(code for code, mask in also.items() if mask[row]))


def move(
    policy: MigrationPolicy,
    tier_ids: Sequence[str],
    state: MigrationState,
    raw: TierArray,
    day: np.datetime64,
    *,
    score: FloatArray | None = None,
    cuts: FloatArray | None = None,
    margin_up: FloatArray | None = None,
    margin_down: FloatArray | None = None,
    values: Mapping[str, FloatArray] | None = None,
    decided: BoolArray | None = None,
) -> Moves:
    """Assess ``n`` customers on one day.

    Parameters
    ----------
    tier_ids
        ``(t,)`` tiers of the scheme, best to worst.
    state
        As the last assessment left it.
    raw
        ``(n,)`` tier by the scheme.
    day
        Of the assessment, not before those in ``state``.
    score, cuts
        ``(n,)`` points and ``(t,)`` lower bounds of the tiers, best to worst.
    margin_up, margin_down
        ``(n,)`` points missing to a better tier, and points that may be lost before a worse one
        (``tiering/placement.py``). They stand in for the score where it does not lead to ``raw``:
        without cuts, where it is NaN, where a rule overruled it. Where a margin is NaN or left
        out as well, hysteresis holds nobody.
    values
        Indicator name to ``(n,)`` values for the conditions; an absent column is unknown for
        everybody.
    decided
        ``(n,)`` customers whose raw tier the panel decided.

    Raises
    ------
    PolicyError
        If arrays are not of the same customers, or a tier does not exist.
    """
    n, t = len(raw), len(tier_ids)
    points = np.full(n, np.nan) if score is None else score
    fixed = np.zeros(n, dtype=np.bool_) if decided is None else decided
    state.check(n, t)
    up = np.full(n, np.nan) if margin_up is None else margin_up
    down = np.full(n, np.nan) if margin_down is None else margin_down
    lengths = {len(points), len(up), len(down), len(fixed)}
    if lengths != {n} or (cuts is not None and len(cuts) != t):
        raise PolicyError(
            f"Scores, margins and decisions must be of the same {n} customers, cuts of {t} tiers."
        )
    if n and (raw.min() < 0 or raw.max() >= t):
        raise PolicyError(f"Raw tiers must lie in 0 to {t - 1}.")
    held = state.tier
    free = (held == NEW) | fixed
    floor = _floor(policy, tier_ids, values or {}, n)

    alone = np.where(free, raw, _due(policy, held, raw, points, cuts, up, down))
    target = np.where(fixed, raw, np.minimum(alone, floor))
    steps_up = t if policy.max_steps_up is None else policy.max_steps_up
    steps_down = t if policy.max_steps_down is None else policy.max_steps_down
    within = np.where(free, target, np.clip(target, held - steps_up, held + steps_down))

    better, worse = ~free & (within < held), ~free & (within > held)
    pending = np.where(worse & np.isnat(state.pending_since), day, state.pending_since)
    dwell_left = _left(policy.min_dwell_days, state.since, day)
    grace_left = np.where(worse, _left(policy.grace_days, pending, day), 0.0)
    wait = (better | worse) & (np.maximum(dwell_left, grace_left) > 0)
    tier = np.where(wait, held, within)

    moved = tier != held
    # A move that stopped half-way leaves the rest due from this day on.
    still_due = ~free & (target > tier)
    after = MigrationState(
        tier=tier.astype(np.intp),
        since=np.where(moved, day, state.since).astype(state.since.dtype),
        pending_since=_pending(pending, still_due, moved, day),
    )
    return Moves(
        before=state,
        state=after,
        raw=raw,
        target=target.astype(np.intp),
        score=points,
        event=_events(held, tier, raw, target, target < alone, grace_left),
        days_left=np.where(wait, np.maximum(dwell_left, grace_left), np.nan),
        by_conditions=target < alone,
        partial=moved & (within != target),
        recovered=~np.isnat(state.pending_since) & ~still_due & (tier <= held),
        decided=fixed,
    )


def _due(
    policy: MigrationPolicy,
    held: TierArray,
    raw: TierArray,
    score: FloatArray,
    cuts: FloatArray | None,
    up: FloatArray,
    down: FloatArray,
) -> TierArray:
    """Return the tier held, moved into the corridor that hysteresis leaves, ``(n,)``."""
    # Comparing with NaN is false: an unknown margin leaves the raw tier.
    no_worse = raw + (down < policy.hysteresis_up)
    no_better = raw - (up <= policy.hysteresis_down)
    if cuts is not None:
        by_score = ~np.isnan(score) & (_assign(score, cuts) == raw)
        no_worse = np.where(by_score, _assign(score, cuts + policy.hysteresis_up), no_worse)
        no_better = np.where(by_score, _assign(score, cuts - policy.hysteresis_down), no_better)
    return np.minimum(np.maximum(held, no_better), no_worse)


def _assign(score: FloatArray, cuts: FloatArray) -> TierArray:
    # The lowest tier takes all the rest (X8), wherever its cut is moved to.
    tier: TierArray = np.sum(score[:, None] < cuts[:-1], axis=1, dtype=np.intp)
    return tier


def _floor(
    policy: MigrationPolicy, tier_ids: Sequence[str], values: Mapping[str, FloatArray], n: int
) -> TierArray:
    floor = np.full(n, len(tier_ids), dtype=np.intp)
    for upgrade in policy.automatic:
        reached = np.ones(n, dtype=np.bool_)
        for condition in upgrade.conditions:
            reached &= condition.holds(values.get(condition.indicator), n)
        floor[reached] = np.minimum(floor[reached], list(tier_ids).index(upgrade.tier))
    return floor


def _left(days: int, since: DayArray, day: np.datetime64) -> FloatArray:
    """Return how many of ``days`` after ``since`` are left, ``(n,)``; 0 where it is unknown."""
    passed = (day - since).astype("timedelta64[D]").astype(np.float64)
    return np.where(np.isnat(since), 0.0, np.maximum(days - passed, 0.0))


def _pending(
    pending: DayArray, still_due: BoolArray, moved: BoolArray, day: np.datetime64
) -> DayArray:
    never = np.datetime64("NaT", "D")
    since = np.where(moved, day, pending)
    return np.where(still_due, since, never).astype("datetime64[D]")


def _events(
    held: TierArray,
    tier: TierArray,
    raw: TierArray,
    target: TierArray,
    by_conditions: BoolArray,
    grace_left: FloatArray,
) -> npt.NDArray[np.intp]:
    """Return what happened, ``(n,)`` indices into ``EVENTS``; the first that fits."""
    cases: tuple[tuple[str, BoolArray], ...] = (
        (r.ENTERED, held == NEW),
        (r.AUTOMATIC_UPGRADE, (tier < held) & by_conditions),
        (r.UPGRADED, tier < held),
        (r.DOWNGRADED, tier > held),
        (r.IN_GRACE, (target > held) & (grace_left > 0)),
        (r.HELD_BY_DWELL, target != held),
        (r.HELD_BY_CONDITIONS, by_conditions),
        (r.HELD_BY_HYSTERESIS, raw != held),
    )
    return np.select(
        [mask for _, mask in cases],
        [r.EVENTS.index(code) for code, _ in cases],
        default=r.EVENTS.index(r.UNCHANGED),
    ).astype(np.intp)
