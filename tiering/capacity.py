"""Cuts that fill the tiers to what the managers can hold: a proposal, never a decision (#60).

The documents give a manager 20 to 30 customers, of them at most 15 strategic and 30 key ones, and
see about 30 % of all as important. What follows for the cuts is computed here and told together
with who would move; a cut changes only when people put it into a scheme.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from features.schema import FloatArray
from tiering.errors import Fault, PopulationError

TierArray = npt.NDArray[np.intp]
_DECIMALS = 17


class TierLimit(BaseModel):
    """How many customers a tier may hold; one of both limits.

    Attributes
    ----------
    tier
        Id of the tier.
    per_manager
        Customers of this tier one manager can hold.
    share
        Of all customers, above 0, at most 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: str
    per_manager: int | None = None
    share: float | None = None


class CapacityPolicy(BaseModel):
    """What managers can hold; the defaults are those of #60.

    Attributes
    ----------
    limits
        By tier; a tier without one keeps its cut.
    manager_min, manager_max
        Customers of all tiers that one manager should hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[TierLimit, ...] = ()
    manager_min: int = 20
    manager_max: int = 30


def capacity_faults(
    policy: CapacityPolicy, tier_ids: Sequence[str], place: str = "capacity"
) -> Iterator[Fault]:
    """Yield every fault of a policy; ``tier_ids`` are the scheme's, best to worst."""
    if not 0 <= policy.manager_min <= policy.manager_max:
        yield Fault(
            f"{place}.manager_min",
            f"{policy.manager_min} must lie between 0 and manager_max {policy.manager_max}.",
        )
    seen: set[str] = set()
    for index, limit in enumerate(policy.limits):
        spot = f"{place}.limits[{index}]"
        if limit.tier not in tier_ids[:-1]:
            yield Fault(
                f"{spot}.tier",
                f"{limit.tier!r} must be one of: {', '.join(tier_ids[:-1])}; the lowest tier "
                "takes all the rest (X8).",
            )
        if limit.tier in seen:
            yield Fault(f"{spot}.tier", f"{limit.tier!r} stands twice.")
        seen.add(limit.tier)
        if (limit.per_manager is None) == (limit.share is None):
            yield Fault(spot, "needs one of per_manager and share.")
        if limit.per_manager is not None and limit.per_manager < 0:
            yield Fault(f"{spot}.per_manager", f"{limit.per_manager} must not be negative.")
        if limit.share is not None and not 0 < limit.share <= 1:
            yield Fault(f"{spot}.share", f"{limit.share:g} must be a share above 0, at most 1.")


@dataclass(frozen=True, slots=True, eq=False)
class CutProposal:
    """Cuts that would fill the tiers, and whom they would move.

    Attributes
    ----------
    tier_ids
        ``(t,)`` best to worst.
    cuts, proposed
        ``(t,)`` lower bounds now and as proposed; the last is 0.
    capacity
        ``(t,)`` customers each tier may hold; NaN where it has no limit.
    before, after
        ``(n,)`` tier of each customer by either.
    """

    tier_ids: tuple[str, ...]
    cuts: FloatArray
    proposed: FloatArray
    capacity: FloatArray
    before: TierArray
    after: TierArray

    @property
    def counts(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Customers by tier before and after, ``(t,)`` each."""
        t = len(self.tier_ids)
        return np.bincount(self.before, minlength=t), np.bincount(self.after, minlength=t)

    @property
    def movers(self) -> npt.NDArray[np.intp]:
        """Rows of the customers whose tier would change, ascending."""
        return np.flatnonzero(self.before != self.after)


def propose_cuts(
    policy: CapacityPolicy,
    tier_ids: Sequence[str],
    score: FloatArray,
    cuts: FloatArray,
    managers: Mapping[str, int],
    *,
    fill: bool = True,
) -> CutProposal:
    """Propose cuts under which no tier holds more than its capacity.

    From the best tier down, a tier takes the next customers by score as long as all of the
    same score fit: equal customers are never parted, so a tier may stay a little below its
    capacity. A cut is the shortest decimal that parts them. A tier without a limit keeps its cut,
    unless a better tier now reaches below it; then it starts half-way to the next.

    Parameters
    ----------
    score, cuts
        ``(n,)`` points, 0 to 100, and ``(t,)`` present lower bounds, best to worst, the last 0.
    managers
        Tier id to managers of its customers; needed where a limit is per manager.
    fill
        Whether a tier below its capacity is filled up; if not, cuts only rise.

    Raises
    ------
    PopulationError
        If a score is not known, a tier's managers are not told, or so many share the highest
        score of 100 that no cut fits.
    """
    if np.isnan(score).any():
        raise PopulationError("Capacity needs the score of every customer.")
    capacity = _capacity(policy, tier_ids, len(score), managers)
    ordered = np.sort(score)[::-1]
    proposed = np.zeros(len(cuts))
    above, ceiling = 0, math.inf
    for tier in range(len(cuts) - 1):
        own, room = float(cuts[tier]), capacity[tier]
        if np.isnan(room):
            cut = own if own < ceiling else _between(_next_lower(cuts, ceiling), ceiling)
        else:
            fitting = _fitting(ordered, above, int(room))
            cut = _cut(ordered, fitting, above, ceiling)
            if not fill and cut < own < ceiling:
                cut = own
        proposed[tier] = ceiling = cut
        above = int(np.sum(ordered >= cut))
    return CutProposal(
        tuple(tier_ids), cuts, proposed, capacity, _assign(score, cuts), _assign(score, proposed)
    )


def _capacity(
    policy: CapacityPolicy, tier_ids: Sequence[str], n: int, managers: Mapping[str, int]
) -> FloatArray:
    capacity = np.full(len(tier_ids), np.nan)
    for limit in policy.limits:
        place = list(tier_ids).index(limit.tier)
        if limit.per_manager is None:
            capacity[place] = math.floor((limit.share or 0.0) * n + 1e-9)
        elif limit.tier in managers:
            capacity[place] = limit.per_manager * managers[limit.tier]
        else:
            raise PopulationError(
                f"The capacity of {limit.tier!r} is per manager; tell how many there are.",
                tier=limit.tier,
            )
    return capacity


def _fitting(ordered: FloatArray, above: int, room: int) -> int:
    """Return how many customers ``ordered[:k]`` are in this tier or a better one.

    Scores of 0 stay in the lowest tier, whose cut is 0.
    """
    end = min(above + room, int(np.sum(ordered > 0)))
    if end < len(ordered):
        end = int(np.sum(ordered > ordered[end]))
    return max(end, above)


def _cut(ordered: FloatArray, fitting: int, above: int, ceiling: float) -> float:
    left_out = float(ordered[fitting]) if fitting < len(ordered) else 0.0
    if fitting > above:
        return _between(left_out, float(ordered[fitting - 1]), closed=True)
    if left_out >= 100.0:
        raise PopulationError(
            "More customers share the highest score of 100 than the tier can hold.",
            hint="Points that differ are needed before a cut can part them.",
        )
    return _between(left_out, min(ceiling, 100.0), closed=ceiling > 100.0)


def _between(low: float, high: float, *, closed: bool = False) -> float:
    """Return the shortest decimal in ``(low, high)``, or ``(low, high]``, high up."""
    for decimals in range(_DECIMALS):
        scale = float(10**decimals)
        found = math.floor(high * scale) / scale
        if not closed and found >= high:
            found = round(found - 1.0 / scale, decimals)
        if low < found and (found < high or (closed and found == high)):
            return found
    return high if closed else (low + high) / 2


def _next_lower(cuts: FloatArray, ceiling: float) -> float:
    return max(float(cut) for cut in cuts if cut < ceiling)


def _assign(score: FloatArray, cuts: FloatArray) -> TierArray:
    tier: TierArray = np.sum(score[:, None] < cuts[:-1], axis=1, dtype=np.intp)
    return tier


@dataclass(frozen=True, slots=True)
class Load:
    """What one manager holds.

    Attributes
    ----------
    customers
        Of all tiers.
    by_tier
        Customers by tier id.
    over
        Ids of tiers with more customers than the manager can hold.
    status
        ``over``: too many in a tier or in all; ``under``: fewer than the least; else ``fits``.
    """

    manager: str
    customers: int
    by_tier: Mapping[str, int]
    over: tuple[str, ...]
    status: str


def loads(
    policy: CapacityPolicy,
    tier_ids: Sequence[str],
    manager: npt.NDArray[np.str_],
    tier: TierArray,
) -> tuple[Load, ...]:
    """Return the load of each manager, the heaviest first, then by name.

    Parameters
    ----------
    manager, tier
        ``(n,)`` manager (empty: none, left out) and tier of each customer.
    """
    most = {limit.tier: limit.per_manager for limit in policy.limits}
    found = []
    for name in np.unique(manager[manager != ""]).tolist():
        counts = np.bincount(tier[manager == name], minlength=len(tier_ids)).tolist()
        by_tier = dict(zip(tier_ids, counts, strict=True))
        total = sum(counts)
        over = tuple(
            each
            for each, count in by_tier.items()
            if (limit := most.get(each)) is not None and count > limit
        )
        heavy = bool(over) or total > policy.manager_max
        status = "over" if heavy else "under" if total < policy.manager_min else "fits"
        found.append(Load(name, total, by_tier, over, status))
    return tuple(sorted(found, key=lambda load: (-load.customers, load.manager)))
