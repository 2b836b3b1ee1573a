"""How customers moved between tiers from one grading to the next (requirements #67, #107)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiering.errors import PopulationError
from tiering.population.intervals import wilson
from tiering.population.stability import IntArray, migration_matrix


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of customers with Wilson's interval; NaN where there is nobody."""

    share: float
    lower: float
    upper: float
    n: int

    @classmethod
    def of(cls, hits: int, n: int) -> Rate:
        """Return the rate of ``hits`` among ``n``."""
        return cls(hits / n if n else math.nan, *wilson(hits, n), n)


@dataclass(frozen=True, slots=True)
class Migration:
    """Moves of the same customers between two gradings.

    Attributes
    ----------
    matrix
        ``(t, t)`` customers by tier before (row) and after (column); 0 is the best.
    days
        Days between the gradings.
    stayed
        Who kept the tier, of all.
    upgraded
        Who is better off, of those who could be: who were not in the best tier.
    downgraded
        Who is worse off, of those who could be: who were not in the lowest tier.
    """

    matrix: npt.NDArray[np.int64]
    days: int
    stayed: Rate
    upgraded: Rate
    downgraded: Rate

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """``(t, t)`` share of each row; the rows of tiers that somebody was in sum to 1."""
        whole = self.matrix.sum(axis=1, keepdims=True)
        shares: npt.NDArray[np.float64] = self.matrix / np.maximum(whole, 1)
        return shares

    @property
    def half_life_days(self) -> npt.NDArray[np.float64]:
        """``(t,)`` days until half of a tier's customers have left it, at the rate seen.

        Infinite where nobody left, 0 where all did, NaN where nobody was. It takes each
        customer for equally likely to leave in each period: a way to read the rate, not a
        forecast.
        """
        kept = np.diag(self.shares)
        with np.errstate(divide="ignore"):
            periods = np.log(0.5) / np.log(kept)
        lives = np.where(kept > 0, np.abs(periods), 0.0) * self.days
        return np.where(self.matrix.sum(axis=1) > 0, lives, np.nan)


def migrate(before: IntArray, after: IntArray, n_tiers: int, days: int) -> Migration:
    """Compare two gradings of the same customers.

    Parameters
    ----------
    before, after
        ``(n,)`` tier indices of the same customers in the same order, 0 the best.
    days
        Days between the gradings, at least 1.

    Raises
    ------
    PopulationError
        If the customers differ, a tier is outside the scheme, or ``days`` is below 1.
    """
    if days < 1:
        raise PopulationError("The second grading must be after the first.", days=days)
    matrix = migration_matrix(before, after, n_tiers)
    n = int(matrix.sum())
    best, worst = int(matrix[0].sum()), int(matrix[-1].sum())
    return Migration(
        matrix=matrix,
        days=days,
        stayed=Rate.of(int(np.trace(matrix)), n),
        upgraded=Rate.of(int(np.tril(matrix, -1).sum()), n - best),
        downgraded=Rate.of(int(np.triu(matrix, 1).sum()), n - worst),
    )
