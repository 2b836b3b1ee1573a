"""Judged rows made by hand, for tests that need no model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation.judged import Forecast, Judged


def judged(
    day: str,
    customers: npt.ArrayLike,
    forecasts: tuple[Forecast, ...],
    **arrays: Any,
) -> Judged:
    """Return rows of one origin; what is not given is 0 for everybody.

    Parameters
    ----------
    customers
        ``(n,)`` numbers of the customers.
    arrays
        Fields of ``Judged`` by name, ``(n,)``.
    """
    numbers = np.asarray(customers)
    n = len(numbers)
    blank: FloatArray = np.zeros(n)
    tier = np.zeros(n, dtype=np.int64)
    fields: dict[str, Any] = {
        **dict.fromkeys(("tier", "hindsight", "strict", "value_tier"), tier),
        **dict.fromkeys(("score", "tenure_days", "past_spend"), blank),
        **dict.fromkeys(("points", "dimensions"), blank[:, None]),
        "referred": np.zeros(n, dtype=np.bool_),
        **arrays,
    }
    return Judged(
        origin=day,
        customer_id=np.array([f"c{int(i)}" for i in numbers]),
        day=np.full(n, np.datetime64(day, "D")),
        forecasts=forecasts,
        **fields,
    )
