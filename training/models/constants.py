"""Numbers that portable exponentials and logarithms are made of."""

from __future__ import annotations

# The first has its last 32 bits empty, so that multiples of it by an exponent are exact.
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
PER_LN2 = 1.0 / (LN2_HIGH + LN2_LOW)

# x (e^x + 1) / (e^x - 1) = 2 + x²/6 - x⁴/360 + …, with Bernoulli's numbers, for |x| <= ln 2 / 2
EXP = (
    1 / 6,
    -1 / 360,
    1 / 15_120,
    -1 / 604_800,
    1 / 23_950_080,
    -691 / 653_837_184_000,
    1 / 37_362_124_800,
)

# log((1 + s) / (1 - s)) = 2 s (1 + s²/3 + s⁴/5 + …), for |s| <= 3 - √8
LOG = tuple(2 / (2 * k + 3) for k in range(11))
HALF_ROOT = 0.7071067811865476

# beyond, the exponential is 0 or infinite
LEAST, MOST = -746.0, 710.0
