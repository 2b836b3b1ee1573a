"""What a bundle says about customers, and how it explains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray


@dataclass(frozen=True, slots=True)
class Scores:
    """Predictions for ``n`` customers, each field ``(n,)``.

    Attributes
    ----------
    churn_probability
        Calibrated probability of no purchase in the churn horizon, 0 to 1.
    ltv
        Expected net spend in the LTV horizon, money, > 0.
    ltv_lower, ltv_upper
        Interval of the bundle's nominal level, ``0 <= lower <= ltv <= upper``.
    p_alive
        Purchase model's probability that the customer has not left, 0 to 1.
    dormant
        Outside the recipe's eligibility: scored, but not like anything learned from.
    """

    churn_probability: FloatArray
    ltv: FloatArray
    ltv_lower: FloatArray
    ltv_upper: FloatArray
    p_alive: FloatArray
    dormant: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ltv)


@dataclass(frozen=True, slots=True)
class MarginParts:
    """A model's margin split by source: ``margin == base + phi.sum(axis=1)``."""

    names: tuple[str, ...]
    base: float
    phi: FloatArray
    margin: FloatArray
    ends: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Exact explanation of one prediction for ``n`` customers.

    Attributes
    ----------
    names
        ``(m,)`` indicator names and ``baseline``, the pseudo name of the purchase model
        and run-rate the trees correct.
    base_margin
        Margin of a typical customer.
    phi
        ``(n, m)`` what each indicator adds to the margin.
    margin
        ``(n,)``, equal to ``base_margin + phi.sum(axis=1)`` within 1e-9.
    value_at
        Smooth, strictly monotone map from a margin to the prediction.
    ends
        ``(6,)`` of one customer alone, where they are known already: what raises the margin in
        sum and what lowers it, then the predictions from the base with neither, with both, with
        the former and with the latter.
    """

    names: tuple[str, ...]
    base_margin: float
    phi: FloatArray
    margin: FloatArray
    value_at: Callable[[FloatArray], FloatArray]
    ends: FloatArray | None = None
