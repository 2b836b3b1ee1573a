"""Five dimensions and one score: the weighted sum of points (requirement #38)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.blocks import ROWS, in_blocks
from tiering.errors import UngradableError
from tiering.plan import BoolArray, Plan, plan_of
from tiering.policy import Scheme
from tiering.scores import Reference
from tiering.sheet import Sheet


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


def composite(
    scheme: Scheme,
    reference: Reference,
    values: Mapping[str, FloatArray],
    *,
    threads: int | None = None,
    rows: int = ROWS,
) -> Composite:
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
    threads, rows
        Threads at most and rows of a block (``tiering/blocks.py``); neither shows in the
        result.

    Raises
    ------
    UngradableError
        If a column is absent or of another length, or a customer has no data at all.
    """
    plan = plan_of(scheme, reference)
    columns = _columns(plan.indicator, values)
    n = len(columns[0])
    sheet = Sheet.of(plan, columns, _stages(plan, values, n))
    empty = [row for found in in_blocks(n, sheet.fill, rows=rows, threads=threads) for row in found]
    if empty:
        raise UngradableError(
            f"{len(empty)} of {n} customers have no data for any indicator of scheme "
            f"{scheme.id!r}; the first is row {empty[0]}.",
            hint="Grade only customers with at least one purchase."
            if plan.available.any()
            else "The reference population has none of them; grade by the scheme 'amount-only'.",
            rows=empty[:20],
        )
    return Composite(
        indicator=plan.indicator,
        dimension=plan.dimension,
        dimensions=plan.dimensions,
        points=sheet.points,
        weight=sheet.weight,
        dimension_score=sheet.dimension_score,
        score=sheet.score,
        missing_dimension=sheet.missing_dimension,
        missing_weight=sheet.missing_weight,
        switched_off=plan.switched_off,
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


def _stages(plan: Plan, values: Mapping[str, FloatArray], n: int) -> npt.NDArray[np.intp] | None:
    """Return the row of each customer in the tables of the plan, ``(n,)``; None where the
    scheme has weights for all alike."""
    if plan.lifecycle is None:
        return None
    placed: npt.NDArray[np.intp] = plan.row_of_stage[plan.lifecycle.assign(values, n)]
    return placed
