"""How far a panel orders things alike: Kendall's W (#39)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, rankdata

from features.schema import FloatArray


@dataclass(frozen=True, slots=True)
class Concordance:
    """Agreement of ``members`` rankings.

    Attributes
    ----------
    w
        Kendall's coefficient, 0 (none) to 1 (all order alike); NaN where there is nothing to
        order, or nobody to compare.
    chi_square, p_value
        ``m (n - 1) W`` on ``n - 1`` degrees of freedom: how likely such a W is among members
        who order at random. For few things to order (below eight) it is on the careful side.
    """

    members: int
    w: float
    chi_square: float
    p_value: float


def concordance(answers: FloatArray) -> Concordance:
    """Return Kendall's W with the correction for ties.

    ``W = 12 S / (m² (n³ - n) - m Σ T)``, where S is the sum of squares of the rank sums about
    their mean and T of a member the sum of ``t³ - t`` over groups of t ties (Kendall, Rank
    Correlation Methods, 1970, ch. 6). W sees the order only: members may order alike and differ
    in amounts, which is why a round also tells the quartiles.

    Parameters
    ----------
    answers
        ``(m, n)`` weights, one member a row.
    """
    m, n = answers.shape
    ranks = np.asarray(rankdata(answers, axis=1))
    ties = 0
    for row in answers:
        counts = np.unique(row, return_counts=True)[1].astype(np.int64)
        ties += int((counts**3 - counts).sum())
    most = m * m * (n**3 - n) - m * ties
    if m < 2 or most <= 0:
        return Concordance(m, math.nan, math.nan, math.nan)
    sums = ranks.sum(axis=0)
    w = min(1.0, float(12.0 * ((sums - sums.mean()) ** 2).sum() / most))
    chi_square = m * (n - 1) * w
    return Concordance(m, w, chi_square, float(chi2.sf(chi_square, n - 1)))
