"""Model inputs: indicators made relative to the customer's own baseline.

Ratios let one tree speak for small and large customers, and each keeps the name of
the one indicator it comes from, so its contribution can be explained by that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.schema import CATALOGUE, FloatArray
from training.models import portable
from training.models.baseline import Baseline

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


def build(
    columns: Sequence[str], values: FloatArray, baseline: Baseline, *, scale: float = 1.0
) -> Design:
    """Return the inputs of ``(n, k)`` customers; ``scale`` is the unit of the baseline's value.

    Indicators that are not for models are left out. Money enters as a ratio to the baseline's
    expected spend, windowed purchase days as a ratio to the expected purchases and as they are,
    everything else as it is. Three inputs describe the baseline: its log value, the probability
    of being alive and the log-odds of no purchase.
    """
    names: list[str] = []
    sources: list[str] = []
    parts: list[FloatArray] = []
    for index, name in enumerate(columns):
        if not CATALOGUE[name].model_input:
            continue
        column = np.ascontiguousarray(values[:, index], dtype=np.float64)
        if CATALOGUE[name].unit == "money":
            names.append(f"{name}_to_baseline")
            parts.append(column / baseline.value)
        else:
            names.append(name)
            parts.append(column)
        sources.append(name)
    for name, part in (
        ("baseline_log_value", portable.log(baseline.value / scale)),
        ("baseline_p_alive", baseline.p_alive),
        (PURCHASE_ODDS, baseline.churn_log_odds),
    ):
        names.append(name)
        sources.append(BASELINE)
        parts.append(part)
    return Design(tuple(names), tuple(sources), np.ascontiguousarray(np.column_stack(parts)))
