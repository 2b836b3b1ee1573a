"""Model inputs: indicators made relative to the customer's own baseline.

Ratios let one tree speak for small and large customers, and each keeps the name of
the one indicator it comes from, so its contribution can be explained by that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from features.schema import CATALOGUE, FloatArray
from training.errors import BundleError
from training.models import portable
from training.models.baseline import Baseline
from training.models.blocks import blocks

BASELINE = "baseline"
"""Pseudo source of everything that comes from the baseline itself."""

PURCHASE_ODDS = "baseline_churn_log_odds"
"""The input that is the purchase model's own view of churn."""


@dataclass(frozen=True, slots=True)
class Design:
    """Model inputs of ``n`` customers.

    Attributes
    ----------
    names
        ``(f,)`` input names as they stand in the model text.
    source_indicator
        ``(f,)`` the indicator each input comes from, or ``baseline``.
    matrix
        ``(n, f)`` float64, C order; NaN means unknown.
    """

    names: tuple[str, ...]
    source_indicator: tuple[str, ...]
    matrix: FloatArray


def checked(columns: Sequence[str], values: FloatArray) -> FloatArray:
    """Return values as ``(n, k)`` float64 in C order, or raise a BundleError."""
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise BundleError(
            f"The bundle needs {len(columns)} indicators a customer; "
            f"the values have shape {values.shape}.",
            hint="Publish the frame with the catalogue the bundle was trained on.",
            expected=len(columns),
        )
    return np.ascontiguousarray(values, dtype=np.float64)


def build(
    columns: Sequence[str],
    values: FloatArray,
    baseline: Baseline,
    *,
    scale: float = 1.0,
    rows: npt.NDArray[np.int64] | None = None,
) -> Design:
    """Return the inputs of ``(n, k)`` customers; ``scale`` is the unit of the baseline's value.

    Indicators that are not for models are left out. Money enters as a ratio to the baseline's
    expected spend, windowed purchase days as a ratio to the expected purchases and as they are,
    everything else as it is. Three inputs describe the baseline: its log value, the probability
    of being alive and the log-odds of no purchase.

    Parameters
    ----------
    rows
        Take these rows of ``values`` only, in this order; ``baseline`` is theirs. Nothing else
        is copied: a matrix of millions of rows is large enough to have once.
    """
    taken, money, names, sources = layout_of(tuple(columns))
    count = len(values) if rows is None else len(rows)
    matrix = np.empty((count, len(names)))
    for part in blocks(count):
        block = values[part] if rows is None else values[rows[part]]
        matrix[part, : len(taken)] = block[:, taken]
        matrix[part, money] /= baseline.value[part, None]
    own = (portable.log(baseline.value / scale), baseline.p_alive, baseline.churn_log_odds)
    for position, column in enumerate(own, start=len(taken)):
        matrix[:, position] = column
    return Design(names, sources, matrix)


@lru_cache(maxsize=8)
def layout_of(
    columns: tuple[str, ...],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Indicators that are inputs, which inputs are ratios of money, and all inputs' names."""
    taken = [i for i, name in enumerate(columns) if CATALOGUE[name].model_input]
    sources = [columns[i] for i in taken]
    is_money = [CATALOGUE[name].unit == "money" for name in sources]
    names = [
        f"{name}_to_baseline" if ratio else name
        for name, ratio in zip(sources, is_money, strict=True)
    ]
    return (
        np.array(taken, dtype=np.int64),
        np.flatnonzero(is_money),
        (*names, "baseline_log_value", "baseline_p_alive", PURCHASE_ODDS),
        (*sources, BASELINE, BASELINE, BASELINE),
    )
