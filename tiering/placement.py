"""Where a customer stands among the tiers, however a scheme tells them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Tiers of ``n`` customers by one way of deciding.

    Attributes
    ----------
    tier
        ``(n,)`` index, 0 is the best. What is unknown counts as not reached.
    best
        ``(n,)`` the tier if everything unknown were as good as can be; better than ``tier``
        where missing data could change it.
    margin_up
        ``(n,)`` points missing to a better tier, 0 and up; NaN in the best tier or where
        unknown.
    margin_down
        ``(n,)`` points that may be lost before a worse tier, 0 and up; NaN in the lowest.
    """

    tier: IntArray
    best: IntArray
    margin_up: FloatArray
    margin_down: FloatArray


def by_score(cuts: FloatArray, score: FloatArray) -> Placement:
    """Place scores ``(n,)`` between falling cuts ``(t,)``.

    Tier ``i`` iff ``cut_i <= score < cut_{i-1}`` (X8); the last cut is 0.
    """
    if len(score) == 1:
        return _one_by_score(cuts.tolist(), score.item(0))
    tier: IntArray = np.zeros(len(score), dtype=np.intp)
    for cut in cuts:
        tier += score < cut
    return Placement(
        tier=tier,
        best=tier,
        margin_up=np.where(tier == 0, np.nan, cuts[tier - 1] - score),
        margin_down=np.where(tier == len(cuts) - 1, np.nan, score - cuts[tier]),
    )


def _one_by_score(cuts: list[float], score: float) -> Placement:
    """Place one score: numpy would take a microsecond for each cut."""
    at = sum(score < cut for cut in cuts)
    tier = np.array([at], dtype=np.intp)
    return Placement(
        tier=tier,
        best=tier,
        margin_up=np.array([cuts[at - 1] - score if at else np.nan]),
        margin_down=np.array([score - cuts[at] if at < len(cuts) - 1 else np.nan]),
    )


def combined(first: Placement, second: Placement, *, lower: bool) -> Placement:
    """Return the lower (worse) or the higher (better) tier of two placements (X10).

    To leave the lower of two upwards, all that stand there must rise, and one that falls is
    enough to fall; for the higher of two it is the other way round.
    """
    worse, better = np.maximum, np.minimum
    pick = worse if lower else better
    tier = pick(first.tier, second.tier)
    parts = (first, second)
    up = [np.where(part.tier == tier, part.margin_up, np.nan) for part in parts]
    down = [np.where(part.tier == tier, part.margin_down, np.nan) for part in parts]
    farthest, nearest = np.fmax, np.fmin
    return Placement(
        tier=tier,
        best=pick(first.best, second.best),
        margin_up=(farthest if lower else nearest)(*up),
        margin_down=(nearest if lower else farthest)(*down),
    )
