"""Five dimensions and one score: the weighted sum of points (requirement #38)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import Dimension, FloatArray, describe
from tiering.errors import UngradableError
from tiering.normalize import points
from tiering.policy import Scheme
from tiering.scores import Reference

BoolArray = npt.NDArray[np.bool_]

# Scores are rounded far below anything visible, so that a score that is exactly a cut on
# paper is exactly the cut in floats too, whatever the order of the additions.
DECIMALS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """Scores of ``n`` customers over the ``k`` indicators of a scheme.

    Attributes
    ----------
    indicator
        ``(k,)`` names in scheme order.
    dimension
        ``(k,)`` dimension of each indicator.
    dimensions
        ``(d,)`` dimensions in scheme order: the columns of the dimension arrays.
    points
        ``(n, k)`` 0 to 100, NaN where unknown.
    weight
        ``(n, k)`` effective weights; rows sum to 1, unknown indicators weigh 0.
    dimension_score
        ``(n, d)`` 0 to 100, NaN for a dimension without data.
    score
        ``(n,)`` 0 to 100, the sum of weight times points.
    missing_dimension
        ``(n, d)`` whether a dimension has no data.
    missing_weight
        ``(n,)`` share (0 to 1) of the weight that could have been graded in this
        population but has no data for this customer.
    switched_off
        Indicators that the reference population has no data for at all.
    """

    indicator: tuple[str, ...]
    dimension: tuple[Dimension, ...]
    dimensions: tuple[Dimension, ...]
    points: FloatArray
    weight: FloatArray
    dimension_score: FloatArray
    score: FloatArray
    missing_dimension: BoolArray
    missing_weight: FloatArray
    switched_off: tuple[str, ...]


def composite(scheme: Scheme, reference: Reference, values: Mapping[str, FloatArray]) -> Composite:
    """Score customers.

    An unknown indicator leaves its weight to the others of its dimension; a dimension
    without data leaves its weight to the other dimensions, in proportion.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values in the indicator's unit, NaN where unknown; must
        hold every indicator of the scheme, may hold more.

    Raises
    ------
    UngradableError
        If a column is absent or of another length, or a customer has no data at all.
    """
    names = scheme.indicators
    columns = _columns(names, values)
    grid = np.empty((len(columns[0]), len(names)))
    for j, (name, column) in enumerate(zip(names, columns, strict=True)):
        grid[:, j] = points(reference, name, describe(name).direction, column)
    known = ~np.isnan(grid)
    empty = np.flatnonzero(~known.any(axis=1))
    if empty.size:
        raise UngradableError(
            f"{empty.size} of {len(grid)} customers have no data for any indicator of scheme "
            f"{scheme.id!r}; the first is row {empty[0]}.",
            hint="Grade only customers with at least one purchase.",
            rows=empty[:20].tolist(),
        )

    weight, inside = _effective(scheme, known)
    filled = np.where(known, grid, 0.0)
    dimension_score = np.empty((len(grid), len(scheme.dimensions)))
    member = _members(scheme)
    for d in range(len(scheme.dimensions)):
        dimension_score[:, d] = _row_sum((inside * filled)[:, member == d])
    missing_dimension = np.stack(
        [~known[:, member == d].any(axis=1) for d in range(len(scheme.dimensions))], axis=1
    )
    dimension_score = np.clip(dimension_score, 0.0, 100.0)
    dimension_score[missing_dimension] = np.nan

    available = np.array([name in reference for name in names])
    return Composite(
        indicator=names,
        dimension=tuple(d.id for d in scheme.dimensions for _ in d.indicators),
        dimensions=tuple(d.id for d in scheme.dimensions),
        points=grid,
        weight=weight,
        dimension_score=dimension_score,
        score=np.clip(np.round(_row_sum(weight * filled), DECIMALS), 0.0, 100.0),
        missing_dimension=missing_dimension,
        missing_weight=_missing_weight(scheme, available, known),
        switched_off=tuple(n for n, here in zip(names, available, strict=True) if not here),
    )


def _columns(names: tuple[str, ...], values: Mapping[str, FloatArray]) -> list[FloatArray]:
    absent = [name for name in names if name not in values]
    if absent:
        raise UngradableError(
            f"Values lack the indicators {', '.join(absent)} of the scheme.",
            hint="Hand in a column of NaN for an indicator that is unknown for everybody.",
            indicators=absent,
        )
    columns = [np.asarray(values[name], dtype=np.float64) for name in names]
    shapes = {column.shape for column in columns}
    if len(shapes) > 1 or columns[0].ndim != 1:
        raise UngradableError(
            f"Indicator columns must be (n,) of one length, got {sorted(shapes)}.",
        )
    return columns


def _members(scheme: Scheme) -> npt.NDArray[np.intp]:
    """Return the dimension index of each indicator, ``(k,)``."""
    sizes = [len(dimension.indicators) for dimension in scheme.dimensions]
    return np.repeat(np.arange(len(sizes)), sizes)


def _row_sum(terms: FloatArray) -> FloatArray:
    # Column after column: the sum of a row must not depend on how many rows are beside it,
    # which numpy's own reduction does not promise.
    total = np.zeros(len(terms))
    for j in range(terms.shape[1]):
        total = total + terms[:, j]
    return total


def _effective(scheme: Scheme, known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return weights in the score and inside the dimension, both ``(n, k)``."""
    own = np.array([i.weight for d in scheme.dimensions for i in d.indicators])
    inside = np.where(known, own, 0.0)
    member = _members(scheme)
    outer = np.zeros((len(known), len(scheme.dimensions)))
    for d, dimension in enumerate(scheme.dimensions):
        total = _row_sum(inside[:, member == d])
        outer[:, d] = np.where(total > 0, dimension.weight, 0.0)
        inside[:, member == d] /= np.where(total > 0, total, 1.0)[:, None]
    outer /= _row_sum(outer)[:, None]
    return inside * outer[:, member], inside


def _missing_weight(scheme: Scheme, available: BoolArray, known: BoolArray) -> FloatArray:
    # Measured against what this population has: a table that does not exist here is a fact
    # about the source, told by `switched_off`, and would otherwise refer every customer.
    possible, _ = _effective(scheme, available[None, :])
    return np.round(_row_sum(np.where(known, 0.0, possible)), DECIMALS)
