"""Elementary functions that give the same bits on every processor.

NumPy picks the loops of ``exp`` and ``log`` by processor, and they differ in the last bit: of the
golden bundle's customers every fourth got another LTV (by 1e-13 of it) without AVX-512. What
predicts must not depend on that, so it uses these. They are made of additions, multiplications,
divisions and shifts of the exponent only, each of which IEEE 754 rounds one way; NumPy never
fuses two of them. Results are within two units in the last place of the true value.
"""

from __future__ import annotations

import numpy as np

from features.schema import FloatArray

# The first has its last 32 bits empty, so that multiples of it by an exponent are exact.
_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN2 = 1.0 / (_LN2_HIGH + _LN2_LOW)
# x (e^x + 1) / (e^x - 1) = 2 + x²/6 - x⁴/360 + …, with Bernoulli's numbers, for |x| <= ln 2 / 2
_EXP = (
    1 / 6,
    -1 / 360,
    1 / 15_120,
    -1 / 604_800,
    1 / 23_950_080,
    -691 / 653_837_184_000,
    1 / 37_362_124_800,
)
# log((1 + s) / (1 - s)) = 2 s (1 + s²/3 + s⁴/5 + …), for |s| <= 3 - √8
_LOG = tuple(2 / (2 * k + 3) for k in range(11))
_HALF_ROOT = 0.7071067811865476
_LEAST, _MOST = -746.0, 710.0  # beyond, the exponential is 0 or infinite


def exp(x: FloatArray | float) -> FloatArray:
    """Return e to the power of each element."""
    x = np.asarray(x, dtype=np.float64)
    inside = np.clip(x, _LEAST, _MOST)
    whole = np.rint(np.where(np.isnan(inside), 0.0, inside) * _PER_LN2)
    high, low = inside - whole * _LN2_HIGH, whole * _LN2_LOW
    rest = high - low
    square = rest * rest
    series = square * _horner(square, _EXP)
    part = rest - series
    mantissa = 1.0 - ((low - (rest * part) / (2.0 - part)) - high)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(mantissa, whole.astype(np.int32)), dtype=np.float64)


def log(x: FloatArray | float) -> FloatArray:
    """Return the natural logarithm of each element: -inf of 0, NaN below."""
    x = np.asarray(x, dtype=np.float64)
    usual = (x > 0.0) & np.isfinite(x)
    mantissa, exponent = np.frexp(np.where(usual, x, 1.0))
    small = mantissa < _HALF_ROOT
    f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
    k = exponent - small.astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    series = z * _horner(z, _LOG)
    half = 0.5 * f * f
    found = k * _LN2_HIGH - ((half - (s * (half + series) + k * _LN2_LOW)) - f)
    beyond = np.where(x == 0.0, -np.inf, np.where(x > 0.0, x, np.nan))
    return np.asarray(np.where(usual, found, beyond), dtype=np.float64)


def log1p(x: FloatArray | float) -> FloatArray:
    """Return the logarithm of 1 + x, exact for small x too."""
    x = np.asarray(x, dtype=np.float64)
    one = 1.0 + x
    lost = np.isfinite(one) & (one > 0.0)
    rest = np.where(lost, x - (np.where(lost, one, 1.0) - 1.0), 0.0) / np.where(lost, one, 1.0)
    return log(one) + rest


def expit(x: FloatArray | float) -> FloatArray:
    """Return the logistic function of each element, 0 to 1."""
    x = np.asarray(x, dtype=np.float64)
    tail = exp(-np.abs(x))
    return np.asarray(np.where(x >= 0.0, 1.0, tail) / (1.0 + tail), dtype=np.float64)


def softplus(x: FloatArray | float) -> FloatArray:
    """Return the logarithm of 1 + e to the power of each element: ``logaddexp(0, x)``."""
    x = np.asarray(x, dtype=np.float64)
    return np.maximum(x, 0.0) + log1p(exp(-np.abs(x)))


def _horner(x: FloatArray, coefficients: tuple[float, ...]) -> FloatArray:
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
