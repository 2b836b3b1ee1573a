"""The arrays of a composite, filled in block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.normalize import points
from tiering.plan import BoolArray, Plan, positive, sum_of

# Scores are rounded far below anything visible, so that a score that is exactly a cut on
# paper is exactly the cut in floats too, whatever the order of the additions.
DECIMALS = 10
_STEPS = 10.0**DECIMALS


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The arrays of ``n`` customers; ``(n, k)`` arrays lie column by column in memory.

    Everything is summed column after column: the sum of a row must not depend on how many
    rows are beside it, which numpy's own reduction does not promise.

    Attributes
    ----------
    columns
        ``(k,)`` values ``(n,)`` of each indicator.
    stage
        ``(n,)`` row of each customer in the plan's tables; None where all have the first.
    """

    plan: Plan
    columns: list[FloatArray]
    stage: npt.NDArray[np.intp] | None
    points: FloatArray
    weight: FloatArray
    dimension_score: FloatArray
    score: FloatArray
    missing_dimension: BoolArray
    missing_weight: FloatArray

    @classmethod
    def of(cls, plan: Plan, columns: list[FloatArray], stage: npt.NDArray[np.intp] | None) -> Sheet:
        """Return a sheet to be filled."""
        n, k, d = len(columns[0]), len(columns), len(plan.parts)
        return cls(
            plan=plan,
            columns=columns,
            stage=stage,
            points=np.empty((n, k), order="F"),
            weight=np.empty((n, k), order="F"),
            dimension_score=np.empty((n, d), order="F"),
            score=np.empty(n),
            missing_dimension=np.empty((n, d), dtype=np.bool_, order="F"),
            missing_weight=np.empty(n),
        )

    def fill(self, rows: slice) -> list[int]:
        """Fill in some rows; return those that have no data."""
        if rows.stop - rows.start == 1:
            return self._fill_one(rows.start)
        m = rows.stop - rows.start
        known = np.empty((len(self.columns), m), dtype=np.bool_)
        for j, (indicator, column) in enumerate(zip(self.plan.weighed, self.columns, strict=True)):
            self.points[rows, j] = points(self.plan.reference, indicator, column[rows])
            np.isnan(self.points[rows, j], out=known[j])
            np.logical_not(known[j], out=known[j])
        outer = [self._dimension(rows, d, known) for d in range(len(self.plan.parts))]
        whole = positive(sum_of(outer, m))
        score, missing = np.zeros(m), np.zeros(m)
        for part, share in zip(self.plan.parts, outer, strict=True):
            share /= whole
            for j in part:
                weight = self.weight[rows, j]
                weight *= share
                score += np.where(known[j], weight * self.points[rows, j], 0.0)
                # Measured against what this population has: a table that does not exist here
                # is a fact about the source, told by `switched_off`, and would otherwise
                # refer every customer.
                missing += np.where(known[j], 0.0, self._of(self.plan.possible, rows, j))
        self.score[rows] = np.clip(np.round(score, DECIMALS), 0.0, 100.0)
        self.missing_weight[rows] = np.round(missing, DECIMALS)
        # What is known but weighs nothing in the customer's stage of life grades nobody.
        nothing = self.missing_dimension[rows].all(axis=1)
        return [rows.start + int(row) for row in np.flatnonzero(nothing)]

    def _dimension(self, rows: slice, d: int, known: BoolArray) -> FloatArray:
        """Score a dimension, write the weights inside it, and return its share before the
        other dimensions have theirs."""
        part = self.plan.parts[d]
        inside = [known[j] * self._of(self.plan.of_indicator, rows, j) for j in part]
        total = sum_of(inside, len(known[0]))
        gone = ~(total > 0)
        divisor = positive(total)
        inner = np.zeros(len(total))
        for j, weight in zip(part, inside, strict=True):
            weight /= divisor
            self.weight[rows, j] = weight
            weight *= self.points[rows, j]
            inner += np.where(known[j], weight, 0.0)
        self.missing_dimension[rows, d] = gone
        self.dimension_score[rows, d] = np.where(gone, np.nan, np.clip(inner, 0.0, 100.0))
        return np.where(gone, 0.0, self._of(self.plan.of_dimension, rows, d))

    def _of(self, table: FloatArray, rows: slice, column: int) -> FloatArray:
        """Return a column of one of the tables for each customer, or the one for all."""
        found: FloatArray = (
            table[0, column] if self.stage is None else table[self.stage[rows], column]
        )
        return found

    def _fill_one(self, row: int) -> list[int]:
        """Fill in one row in plain numbers."""
        values = [column.item(row) for column in self.columns]
        found = score_of_one(self.plan, 0 if self.stage is None else self.stage[row], values)
        self.points[row], self.weight[row] = found.points, found.weight
        self.dimension_score[row] = found.dimension_score
        self.missing_dimension[row] = found.missing_dimension
        self.score[row], self.missing_weight[row] = found.score, found.missing_weight
        return [row] if all(found.missing_dimension) else []


class ScoreOfOne(NamedTuple):
    """What a sheet says of one customer; NaN is unknown."""

    points: list[float]
    weight: list[float]
    dimension_score: list[float]
    missing_dimension: list[bool]
    score: float
    missing_weight: float


def rounded(number: float) -> float:
    """Return a number to :data:`DECIMALS` as ``numpy.round`` does; NaN stays NaN."""
    return round(number * _STEPS) / _STEPS if number == number else number


def score_of_one(plan: Plan, stage: int, values: Sequence[float]) -> ScoreOfOne:
    """Return one customer's scores: the steps of :meth:`Sheet.fill`, so the same bits.

    NumPy takes a microsecond for each of some two hundred of them, whether for one row or
    a thousand; so they are one compiled loop.

    Parameters
    ----------
    stage
        Row in the plan's tables.
    values
        ``(k,)`` of the scheme's indicators, NaN where unknown.
    """
    from tiering.sheet_loops import score_one  # it takes numba along

    asked, (k, d) = np.array(values, dtype=np.float64), (len(values), len(plan.parts))
    for j in plan.given:
        asked[j] = plan.points_of[j](values[j])
    found = np.empty(2 * k + d + 2)
    score_one(asked, stage, plan.whole, plan.real, found)
    told: list[float] = found.tolist()
    *inner, score, missing = told[2 * k :]
    return ScoreOfOne(
        told[:k], told[k : 2 * k], inner, [each != each for each in inner], score, missing
    )
