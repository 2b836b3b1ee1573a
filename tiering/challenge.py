"""Jumps in spend that nobody has explained are challenged (requirement #7).

The one definition for both uses: models do not learn from a challenged customer
(``training/dataset.py``), and its grade goes to the expert panel (``tiering/referral.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

BoolArray = npt.NDArray[np.bool_]

RATIOS = ("net_amount_jump_365d", "largest_order_ratio_730d")
"""A year's spend over that of the year before; the largest purchase day over the mean of the
others. Either may jump."""

EXPLAINED = "jump_explained_365d"
"""Above 0 where a person has looked at the jump and recorded why it is right."""


def jump_ratio(values: Mapping[str, FloatArray], n: int) -> FloatArray:
    """Return the larger of both ratios, ``(n,)``; NaN where neither is known.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values; an absent column is unknown for everybody.
    """
    return np.fmax(*(_column(values, name, n) for name in RATIOS))


def challenged(values: Mapping[str, FloatArray], max_jump_ratio: float, n: int) -> BoolArray:
    """Return which customers' spend jumped without an explanation, ``(n,)``.

    A jump that reaches ``max_jump_ratio`` is challenged: 500 to 5,000 is the documents' own
    example of 10. What is not known is not challenged.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values; an absent column is unknown for everybody.
    max_jump_ratio
        Above 1; 0 challenges nobody.
    """
    if max_jump_ratio == 0:
        return np.zeros(n, dtype=np.bool_)
    jumped = np.greater_equal(jump_ratio(values, n), max_jump_ratio)
    return np.asarray(jumped & ~np.greater(_column(values, EXPLAINED, n), 0.0))


def _column(values: Mapping[str, FloatArray], name: str, n: int) -> FloatArray:
    return values[name] if name in values else np.full(n, np.nan)
