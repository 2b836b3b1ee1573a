"""Elementary functions that give the same bits on every processor.

NumPy picks the loops of ``exp`` and ``log`` by processor, and they differ in the last bit: of the
golden bundle's customers every fourth got another LTV (by 1e-13 of it) without AVX-512. What
predicts must not depend on that, so it uses these. They are made of additions, multiplications,
divisions and shifts of the exponent only, each of which IEEE 754 rounds one way; NumPy never
fuses two of them. Results are within two units in the last place of the true value.

Where numba is installed the same steps are done in compiled loops (``elementary.py``): to the same
bits, and for one customer in a hundredth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from features.schema import FloatArray
from tiering.compiled import available
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


def exp(x: FloatArray | float) -> FloatArray:
    """Return e to the power of each element."""
    return _each("exp", _exp, x)


def log(x: FloatArray | float) -> FloatArray:
    """Return the natural logarithm of each element: -inf of 0, NaN below."""
    return _each("log", _log, x)


def log1p(x: FloatArray | float) -> FloatArray:
    """Return the logarithm of 1 + x, exact for small x too."""
    return _each("log1p", _log1p, x)


def expit(x: FloatArray | float) -> FloatArray:
    """Return the logistic function of each element, 0 to 1."""
    return _each("expit", _expit, x)


def softplus(x: FloatArray | float) -> FloatArray:
    """Return the logarithm of 1 + e to the power of each element: ``logaddexp(0, x)``."""
    return _each("softplus", _softplus, x)


def _each(
    name: str, plain: Callable[[FloatArray], FloatArray], x: FloatArray | float
) -> FloatArray:
    x = np.asarray(x, dtype=np.float64)
    loop = _loops().get(name)
    if loop is None:
        return plain(x)
    found = np.empty(x.shape)
    loop(np.ascontiguousarray(x).reshape(-1), found.reshape(-1))
    return found


@cache
def _loops() -> Mapping[str, Callable[[FloatArray, FloatArray], None]]:
    """Return compiled loops by function; none where numba is not installed."""
    if not available():
        return {}
    from training.models import elementary

    return {
        name: getattr(elementary, name) for name in ("exp", "log", "log1p", "expit", "softplus")
    }


def _exp(x: FloatArray) -> FloatArray:
    inside = np.clip(x, LEAST, MOST)
    whole = np.rint(np.where(np.isnan(inside), 0.0, inside) * PER_LN2)
    high, low = inside - whole * LN2_HIGH, whole * LN2_LOW
    rest = high - low
    square = rest * rest
    series = square * _horner(square, EXP)
    part = rest - series
    mantissa = 1.0 - ((low - (rest * part) / (2.0 - part)) - high)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(mantissa, whole.astype(np.int32)), dtype=np.float64)


def _log(x: FloatArray) -> FloatArray:
    usual = (x > 0.0) & np.isfinite(x)
    mantissa, exponent = np.frexp(np.where(usual, x, 1.0))
    small = mantissa < HALF_ROOT
    f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
    k = exponent - small.astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    series = z * _horner(z, LOG)
    half = 0.5 * f * f
    found = k * LN2_HIGH - ((half - (s * (half + series) + k * LN2_LOW)) - f)
    beyond = np.where(x == 0.0, -np.inf, np.where(x > 0.0, x, np.nan))
    return np.asarray(np.where(usual, found, beyond), dtype=np.float64)


def _log1p(x: FloatArray) -> FloatArray:
    one = 1.0 + x
    lost = np.isfinite(one) & (one > 0.0)
    rest = np.where(lost, x - (np.where(lost, one, 1.0) - 1.0), 0.0) / np.where(lost, one, 1.0)
    return _log(one) + rest


def _expit(x: FloatArray) -> FloatArray:
    tail = _exp(-np.abs(x))
    return np.asarray(np.where(x >= 0.0, 1.0, tail) / (1.0 + tail), dtype=np.float64)


def _softplus(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0) + _log1p(_exp(-np.abs(x)))


def _horner(x: FloatArray, coefficients: tuple[float, ...]) -> FloatArray:
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
