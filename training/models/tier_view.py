"""What is known of a grade on its day: the inputs of the model of confidence, free of scale.

A grade turns out wrong when the outcome of a prediction moves its score over a cut. So what
counts is how far the score stands from the cuts, how much of it is decided already, what weight
the predictions carry, and how unsure they are. Money enters as a percentile of the reference
population: a model that learned at past origins must fit later ones, and other currencies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.composite import Composite
from tiering.policy import Scheme
from tiering.scores import Reference
from training.scores import Scores

IntArray = npt.NDArray[np.int64]

PREDICTIONS = ("ltv", "churn_probability")
"""Indicators whose outcome is still to come on the day of the grade."""


@dataclass(frozen=True, slots=True, eq=False)
class TierView:
    """Grades of ``n`` customers in ``t`` tiers, before any outcome.

    Attributes
    ----------
    tier
        ``(n,)`` index of the tier that the scheme gives; 0 is the best.
    score
        ``(n,)`` composite score, 0 to 100.
    settled
        ``(n,)`` the part of the score that no outcome will change, points.
    open_weight
        ``(n,)`` weight of the predictions in the score, 0 to 1.
    cuts
        ``(t - 1,)`` least score of each tier but the last, best first; NaN where a scheme has
        no cuts on a score.
    shares
        ``(t - 1,)`` share of the reference population in the best tier, in the two best, and
        so on, 0 to 1.
    churn
        ``(n,)`` churn probability.
    ltv, lower, upper
        ``(n,)`` LTV and its interval as percentiles of the reference population's LTV, 0 to 100.
    width
        ``(n,)`` logarithm of one plus the upper end over one plus the lower.
    dimensions
        ``(n, d)`` scores of the dimensions, NaN where unknown.
    """

    tier: IntArray
    score: FloatArray
    settled: FloatArray
    open_weight: FloatArray
    cuts: FloatArray
    shares: FloatArray
    churn: FloatArray
    ltv: FloatArray
    lower: FloatArray
    upper: FloatArray
    width: FloatArray
    dimensions: FloatArray

    def __len__(self) -> int:
        return len(self.tier)

    @property
    def tiers(self) -> int:
        """How many tiers there are."""
        return len(self.shares) + 1

    def names(self) -> tuple[str, ...]:
        """Return the names of the columns of :meth:`at_border`."""
        return (*_NAMES, *(f"dimension_{d}" for d in range(self.dimensions.shape[1])))

    def at_border(self, border: int) -> FloatArray:
        """Return what bears on whether the tier is ``border`` or better, ``(n, f)``.

        The same columns for every border, most of them relative to it, so that one model
        learns from all borders.
        """
        cut, share = self.cuts[border], 100.0 * self.shares[border]
        gap = cut - self.settled
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = np.where(self.open_weight > 0, gap / self.open_weight, np.nan)
        columns = (
            np.full(len(self), float(border)),
            (self.tier <= border).astype(np.float64),
            self.score - cut,
            -gap,
            needed,
            self.open_weight,
            self.churn,
            self.ltv,
            self.ltv - (100.0 - share),
            self.lower - (100.0 - share),
            self.upper - (100.0 - share),
            self.width,
        )
        return np.column_stack([*columns, self.dimensions])

    def where(self, mask: npt.NDArray[np.bool_] | IntArray) -> TierView:
        """Return the rows of a mask ``(n,)`` or at positions."""
        rows = {name: getattr(self, name)[mask] for name in _ROWS}
        return TierView(**rows, cuts=self.cuts, shares=self.shares)


_NAMES = (
    "border",
    "tier_reaches",
    "score_margin",
    "settled_margin",
    "points_needed",
    "open_weight",
    "churn",
    "ltv",
    "ltv_margin",
    "lower_margin",
    "upper_margin",
    "width",
)
_ROWS = (
    *("tier", "score", "settled", "open_weight", "churn", "ltv", "lower", "upper", "width"),
    "dimensions",
)


def tier_view(
    tier: IntArray,
    graded: Composite,
    scores: Scores,
    reference: Reference,
    cuts: FloatArray,
    shares: FloatArray,
) -> TierView:
    """View the grades of ``n`` customers.

    Parameters
    ----------
    tier
        ``(n,)`` tiers given.
    graded, scores
        The composite and the predictions behind them.
    reference
        Frozen population, which must know the LTV.
    cuts, shares
        See :class:`TierView`.
    """
    at = [j for j, name in enumerate(graded.indicator) if name in PREDICTIONS]
    weight = graded.weight[:, at]
    knots = reference.knots["ltv"]
    return TierView(
        tier=np.asarray(tier, dtype=np.int64),
        score=graded.score,
        settled=graded.score - (weight * np.nan_to_num(graded.points[:, at])).sum(axis=1),
        open_weight=weight.sum(axis=1),
        cuts=cuts,
        shares=shares,
        churn=scores.churn_probability,
        ltv=knots.at(scores.ltv),
        lower=knots.at(scores.ltv_lower),
        upper=knots.at(scores.ltv_upper),
        width=np.log1p(scores.ltv_upper) - np.log1p(scores.ltv_lower),
        dimensions=graded.dimension_score,
    )


def cuts_of(scheme: Scheme) -> FloatArray:
    """Return the cuts ``(t - 1,)`` of a scheme that decides by score; NaN of any other."""
    borders = len(scheme.tiers) - 1
    cuts = scheme.cuts[:borders] if scheme.decider == "score" else (np.nan,) * borders
    return np.array(cuts, dtype=np.float64)


def shares_of(tier: IntArray, tiers: int) -> FloatArray:
    """Return the share of customers in the best tier, in the two best, and so on, ``(t - 1,)``."""
    counts = np.bincount(tier, minlength=tiers)
    return np.asarray(np.cumsum(counts)[:-1] / max(len(tier), 1), dtype=np.float64)
