"""The functions of ``training/models/portable.py`` as loops over numbers, to the same bits.

For one customer numpy takes a microsecond for each of some twenty steps of a logarithm; compiled
together they take a tenth of one. Each step here is one there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tiering.compiled import compiled
from training.models.constants import (
    EXP,
    HALF_ROOT,
    LEAST,
    LN2_HIGH,
    LN2_LOW,
    LOG,
    MOST,
    PER_LN2,
)


@compiled  # pragma: no cover - it runs as machine code
def exp_of(x: Any) -> Any:
    """Return e to the power of a number."""
    if math.isnan(x):
        return x
    inside = min(max(x, LEAST), MOST)
    whole = np.rint(inside * PER_LN2)
    high, low = inside - whole * LN2_HIGH, whole * LN2_LOW
    rest = high - low
    square = rest * rest
    total = EXP[len(EXP) - 1]
    for k in range(len(EXP) - 2, -1, -1):
        total = total * square + EXP[k]
    part = rest - square * total
    mantissa = 1.0 - ((low - (rest * part) / (2.0 - part)) - high)
    return math.ldexp(mantissa, int(whole))


@compiled  # pragma: no cover - it runs as machine code
def log_of(x: Any) -> Any:
    """Return the natural logarithm of a number."""
    if not (x > 0.0 and x < np.inf):
        if x == 0.0:
            return -np.inf
        return x if x > 0.0 else np.nan
    mantissa, exponent = math.frexp(x)
    small = mantissa < HALF_ROOT
    f = (2.0 * mantissa if small else mantissa) - 1.0
    k = exponent - (1.0 if small else 0.0)
    s = f / (2.0 + f)
    z = s * s
    total = LOG[len(LOG) - 1]
    for n in range(len(LOG) - 2, -1, -1):
        total = total * z + LOG[n]
    series = z * total
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + series) + k * LN2_LOW)) - f)


@compiled  # pragma: no cover - it runs as machine code
def log1p_of(x: Any) -> Any:
    """Return the logarithm of 1 + x."""
    one = 1.0 + x
    if one > 0.0 and one < np.inf:
        return log_of(one) + (x - (one - 1.0)) / one
    return log_of(one)


@compiled  # pragma: no cover - it runs as machine code
def expit_of(x: Any) -> Any:
    """Return the logistic function of a number."""
    tail = exp_of(-abs(x))
    return (1.0 if x >= 0.0 else tail) / (1.0 + tail)


@compiled  # pragma: no cover - it runs as machine code
def softplus_of(x: Any) -> Any:
    """Return the logarithm of 1 + e to the power of a number."""
    return (0.0 if x < 0.0 else x) + log1p_of(exp_of(-abs(x)))


@compiled  # pragma: no cover - it runs as machine code
def exp(x: Any, found: Any) -> None:
    """Write e to the power of each element of ``x`` ``(n,)``."""
    for i in range(len(x)):
        found[i] = exp_of(x[i])


@compiled  # pragma: no cover - it runs as machine code
def log(x: Any, found: Any) -> None:
    """Write the natural logarithm of each element."""
    for i in range(len(x)):
        found[i] = log_of(x[i])


@compiled  # pragma: no cover - it runs as machine code
def log1p(x: Any, found: Any) -> None:
    """Write the logarithm of 1 + x."""
    for i in range(len(x)):
        found[i] = log1p_of(x[i])


@compiled  # pragma: no cover - it runs as machine code
def expit(x: Any, found: Any) -> None:
    """Write the logistic function of each element."""
    for i in range(len(x)):
        found[i] = expit_of(x[i])


@compiled  # pragma: no cover - it runs as machine code
def softplus(x: Any, found: Any) -> None:
    """Write the logarithm of 1 + e to the power of each element."""
    for i in range(len(x)):
        found[i] = softplus_of(x[i])
