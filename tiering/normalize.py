"""From an indicator's own unit to points between 0 and 100."""

from __future__ import annotations

import numpy as np

from features.schema import Direction, FloatArray
from tiering.scores import Reference


def points(reference: Reference, name: str, direction: Direction, x: FloatArray) -> FloatArray:
    """Return points of one indicator, ``(n,)``, 0 to 100.

    The mid-rank percentile in the reference population; ``100 -`` that where lower is
    better; a neutral indicator counts like one where higher is better. Continuous and
    monotone in ``x``; flat outside the population's range, so an absurd value earns no
    more than the best one seen (#7).

    NaN stays NaN, and an indicator the reference has no data for is NaN for everybody.
    """
    values = np.asarray(x, dtype=np.float64)
    if name not in reference:
        return np.full(values.shape, np.nan)
    percentile = reference.knots[name].at(values)
    return 100.0 - percentile if direction is Direction.LOWER_IS_BETTER else percentile
