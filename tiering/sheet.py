"""The arrays of a composite, filled in block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.normalize import points
from tiering.policy import IndicatorWeight, Scheme
from tiering.scores import Reference

BoolArray = npt.NDArray[np.bool_]

# Scores are rounded far below anything visible, so that a score that is exactly a cut on
# paper is exactly the cut in floats too, whatever the order of the additions.
DECIMALS = 10


def own_weights(scheme: Scheme) -> tuple[FloatArray, FloatArray]:
    """Return shares ``(s, d)`` of dimensions and ``(s, k)`` of indicators inside them.

    The first row is the scheme's own, the others are those of its stages in order.
    """
    outer = {dimension.id: dimension.weight for dimension in scheme.dimensions}
    inner = {d.id: {i.name: i.weight for i in d.indicators} for d in scheme.dimensions}
    rows = [(outer, inner)]
    for entry in scheme.stages.weights if scheme.stages else ():
        rows.append((dict(entry.dimensions or outer), {**inner, **_dicts(entry.indicators)}))
    dimensions = [[row[0][d.id] for d in scheme.dimensions] for row in rows]
    indicators = [
        [row[1][d.id][i.name] for d in scheme.dimensions for i in d.indicators] for row in rows
    ]
    return np.array(dimensions), np.array(indicators)


def _dicts(shares: Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    return {dimension: dict(given) for dimension, given in (shares or {}).items()}


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The arrays of ``n`` customers; ``(n, k)`` arrays lie column by column in memory.

    Everything is summed column after column: the sum of a row must not depend on how many
    rows are beside it, which numpy's own reduction does not promise.

    Attributes
    ----------
    parts
        Positions of the indicators of each dimension.
    stage
        ``(n,)`` row of each customer in the tables; None where all have the first.
    of_dimension, of_indicator
        ``(s, d)`` and ``(s, k)`` shares by :func:`own_weights`.
    possible
        ``(s, k)`` weights in the score if all is known that this population has.
    """

    weighed: tuple[IndicatorWeight, ...]
    reference: Reference
    columns: list[FloatArray]
    parts: tuple[range, ...]
    stage: npt.NDArray[np.intp] | None
    of_dimension: FloatArray
    of_indicator: FloatArray
    possible: FloatArray
    points: FloatArray
    weight: FloatArray
    dimension_score: FloatArray
    score: FloatArray
    missing_dimension: BoolArray
    missing_weight: FloatArray

    @classmethod
    def of(
        cls,
        scheme: Scheme,
        reference: Reference,
        available: BoolArray,
        columns: list[FloatArray],
        stage: npt.NDArray[np.intp] | None,
    ) -> Sheet:
        """Return a sheet to be filled.

        Parameters
        ----------
        available
            ``(k,)`` indicators that the reference population has data for.
        columns
            ``(k,)`` values ``(n,)`` of each indicator.
        stage
            ``(n,)`` row of each customer in the tables; None where all have the first.
        """
        n, k, d = len(columns[0]), len(columns), len(scheme.dimensions)
        ends = list(accumulate((len(each.indicators) for each in scheme.dimensions), initial=0))
        parts = tuple(range(start, end) for start, end in pairwise(ends))
        of_dimension, of_indicator = own_weights(scheme)
        return cls(
            weighed=tuple(i for each in scheme.dimensions for i in each.indicators),
            reference=reference,
            columns=columns,
            parts=parts,
            stage=stage,
            of_dimension=of_dimension,
            of_indicator=of_indicator,
            possible=_possible(parts, available, of_dimension, of_indicator),
            points=np.empty((n, k), order="F"),
            weight=np.empty((n, k), order="F"),
            dimension_score=np.empty((n, d), order="F"),
            score=np.empty(n),
            missing_dimension=np.empty((n, d), dtype=np.bool_, order="F"),
            missing_weight=np.empty(n),
        )

    def fill(self, rows: slice) -> list[int]:
        """Fill in some rows; return those that have no data."""
        m = rows.stop - rows.start
        known = np.empty((len(self.columns), m), dtype=np.bool_)
        for j, (indicator, column) in enumerate(zip(self.weighed, self.columns, strict=True)):
            self.points[rows, j] = points(self.reference, indicator, column[rows])
            np.isnan(self.points[rows, j], out=known[j])
            np.logical_not(known[j], out=known[j])
        outer = [self._dimension(rows, d, known) for d in range(len(self.parts))]
        whole = _positive(_sum(outer, m))
        score, missing = np.zeros(m), np.zeros(m)
        for part, share in zip(self.parts, outer, strict=True):
            share /= whole
            for j in part:
                weight = self.weight[rows, j]
                weight *= share
                score += np.where(known[j], weight * self.points[rows, j], 0.0)
                # Measured against what this population has: a table that does not exist here
                # is a fact about the source, told by `switched_off`, and would otherwise
                # refer every customer.
                missing += np.where(known[j], 0.0, self._of(self.possible, rows, j))
        self.score[rows] = np.clip(np.round(score, DECIMALS), 0.0, 100.0)
        self.missing_weight[rows] = np.round(missing, DECIMALS)
        # What is known but weighs nothing in the customer's stage of life grades nobody.
        nothing = self.missing_dimension[rows].all(axis=1)
        return [rows.start + int(row) for row in np.flatnonzero(nothing)]

    def _dimension(self, rows: slice, d: int, known: BoolArray) -> FloatArray:
        """Score a dimension, write the weights inside it, and return its share before the
        other dimensions have theirs."""
        part = self.parts[d]
        inside = [known[j] * self._of(self.of_indicator, rows, j) for j in part]
        total = _sum(inside, len(known[0]))
        gone = ~(total > 0)
        divisor = _positive(total)
        inner = np.zeros(len(total))
        for j, weight in zip(part, inside, strict=True):
            weight /= divisor
            self.weight[rows, j] = weight
            weight *= self.points[rows, j]
            inner += np.where(known[j], weight, 0.0)
        self.missing_dimension[rows, d] = gone
        self.dimension_score[rows, d] = np.where(gone, np.nan, np.clip(inner, 0.0, 100.0))
        return np.where(gone, 0.0, self._of(self.of_dimension, rows, d))

    def _of(self, table: FloatArray, rows: slice, column: int) -> FloatArray:
        """Return a column of one of the tables for each customer, or the one for all."""
        found: FloatArray = (
            table[0, column] if self.stage is None else table[self.stage[rows], column]
        )
        return found


def _possible(
    parts: Sequence[range], available: BoolArray, of_dimension: FloatArray, of_indicator: FloatArray
) -> FloatArray:
    """Return the weights in the score ``(s, k)`` where all that is available is known."""
    inside = np.where(available, of_indicator, 0.0)
    outer = []
    for d, part in enumerate(parts):
        total = _sum([inside[:, j] for j in part], len(inside))
        inside[:, part.start : part.stop] /= _positive(total)[:, None]
        outer.append(np.where(total > 0, of_dimension[:, d], 0.0))
    whole = _positive(_sum(outer, len(inside)))
    for share, part in zip(outer, parts, strict=True):
        inside[:, part.start : part.stop] *= (share / whole)[:, None]
    return inside


def _positive(total: FloatArray) -> FloatArray:
    """Return what to divide by: 1 where there is nothing to divide."""
    return np.where(total > 0, total, 1.0)


def _sum(terms: Sequence[FloatArray], n: int) -> FloatArray:
    total = np.zeros(n)
    for term in terms:
        total += term
    return total
