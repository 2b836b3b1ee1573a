"""Five dimensions and one score: the weighted sum of points (requirement #38)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.errors import UngradableError
from tiering.lifecycle_file import load_lifecycle
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
        ``(k,)`` id of each indicator's dimension.
    dimensions
        ``(d,)`` dimension ids in scheme order: the columns of the dimension arrays.
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
    dimension: tuple[str, ...]
    dimensions: tuple[str, ...]
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
    without data leaves its weight to the other dimensions, in proportion. Where the scheme
    has weights by lifecycle stage, a customer's are those of its stage (#53).

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values in the indicator's unit, NaN where unknown; must
        hold every indicator of the scheme, may hold more. What lifecycle stages ask for and
        is absent is unknown.

    Raises
    ------
    UngradableError
        If a column is absent or of another length, or a customer has no data at all.
    """
    names = scheme.indicators
    columns = _columns(names, values)
    grid = np.empty((len(columns[0]), len(names)))
    weighed = [i for dimension in scheme.dimensions for i in dimension.indicators]
    for j, (indicator, column) in enumerate(zip(weighed, columns, strict=True)):
        grid[:, j] = points(reference, indicator, column)
    known = ~np.isnan(grid)
    available = np.array([name in reference for name in names])
    stage = _stages(scheme, values, len(grid))
    weight, inside = _effective(scheme, known, stage)
    _must_be_gradable(scheme, available, inside)
    filled = np.where(known, grid, 0.0)
    dimension_score = np.empty((len(grid), len(scheme.dimensions)))
    member = _members(scheme)
    for d in range(len(scheme.dimensions)):
        dimension_score[:, d] = _row_sum((inside * filled)[:, member == d])
    missing_dimension = np.stack(
        [~(inside[:, member == d] > 0).any(axis=1) for d in range(len(scheme.dimensions))], axis=1
    )
    dimension_score = np.clip(dimension_score, 0.0, 100.0)
    dimension_score[missing_dimension] = np.nan

    return Composite(
        indicator=names,
        dimension=tuple(d.id for d in scheme.dimensions for _ in d.indicators),
        dimensions=tuple(d.id for d in scheme.dimensions),
        points=grid,
        weight=weight,
        dimension_score=dimension_score,
        score=np.clip(np.round(_row_sum(weight * filled), DECIMALS), 0.0, 100.0),
        missing_dimension=missing_dimension,
        missing_weight=_missing_weight(scheme, available, known, stage),
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


def _must_be_gradable(scheme: Scheme, available: BoolArray, inside: FloatArray) -> None:
    # What is known but weighs nothing in the customer's stage of life grades nobody.
    empty = np.flatnonzero(~(inside > 0).any(axis=1))
    if not empty.size:
        return
    raise UngradableError(
        f"{empty.size} of {len(inside)} customers have no data for any indicator of scheme "
        f"{scheme.id!r}; the first is row {empty[0]}.",
        hint="Grade only customers with at least one purchase."
        if available.any()
        else "The reference population has none of them; grade by the scheme 'amount-only'.",
        rows=empty[:20].tolist(),
    )


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


def _stages(scheme: Scheme, values: Mapping[str, FloatArray], n: int) -> npt.NDArray[np.intp]:
    """Return the row of each customer in the tables of :func:`_own_weights`, ``(n,)``."""
    if scheme.stages is None:
        return np.zeros(n, dtype=np.intp)
    policy = load_lifecycle(scheme.stages.lifecycle)
    row = {entry.stage: number for number, entry in enumerate(scheme.stages.weights, start=1)}
    of_stage = np.array([row.get(stage.id, 0) for stage in policy.stages], dtype=np.intp)
    placed: npt.NDArray[np.intp] = of_stage[policy.assign(values, n)]
    return placed


def _own_weights(scheme: Scheme) -> tuple[FloatArray, FloatArray]:
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


def _effective(
    scheme: Scheme, known: BoolArray, stage: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return weights in the score and inside the dimension, both ``(n, k)``."""
    of_dimension, of_indicator = _own_weights(scheme)
    inside = np.where(known, of_indicator[stage], 0.0)
    member = _members(scheme)
    outer = np.zeros((len(known), len(scheme.dimensions)))
    for d in range(len(scheme.dimensions)):
        total = _row_sum(inside[:, member == d])
        outer[:, d] = np.where(total > 0, of_dimension[stage, d], 0.0)
        inside[:, member == d] /= np.where(total > 0, total, 1.0)[:, None]
    total = _row_sum(outer)
    outer /= np.where(total > 0, total, 1.0)[:, None]
    return inside * outer[:, member], inside


def _missing_weight(
    scheme: Scheme, available: BoolArray, known: BoolArray, stage: npt.NDArray[np.intp]
) -> FloatArray:
    # Measured against what this population has: a table that does not exist here is a fact
    # about the source, told by `switched_off`, and would otherwise refer every customer.
    stages = np.arange(int(stage.max(initial=0)) + 1)
    possible, _ = _effective(
        scheme, np.broadcast_to(available, (len(stages), available.size)), stages
    )
    return np.round(_row_sum(np.where(known, 0.0, possible[stage])), DECIMALS)
