"""Gauss-Legendre rules on the interval from 0 to 1, the same bits on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache

_DIGITS = 40
_STEPS = 8  # Newton doubles the digits each time, from the three or more of the first guess


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of ``m`` points: exact for polynomials of degree up to ``2 m - 1``.

    Attributes
    ----------
    point, rest
        ``(m,)`` points between 0 and 1, ascending, and 1 less each; no point is 0 or 1.
    weight
        ``(m,)`` positive; they sum to 1.
    """

    point: tuple[float, ...]
    rest: tuple[float, ...]
    weight: tuple[float, ...]


@cache
def rule(points: int) -> Rule:
    """Return the rule of that many points.

    The roots are found in decimals and rounded once. NumPy's come from an eigenvalue problem,
    whose last bits depend on the machine's algebra library, and explanations are replayed.
    """
    found: list[tuple[float, float, float]] = []
    with localcontext() as context:
        context.prec = _DIGITS
        for number in range(points, 0, -1):
            root = Decimal(math.cos(math.pi * (number - 0.25) / (points + 0.5)))
            for _ in range(_STEPS):
                value, slope = _legendre(points, root)
                root -= value / slope
            _, slope = _legendre(points, root)
            weight = 1 / ((1 - root * root) * slope * slope)
            found.append((float((1 + root) / 2), float((1 - root) / 2), float(weight)))
    point, rest, weights = zip(*found, strict=True)
    return Rule(point, rest, weights)


def _legendre(degree: int, x: Decimal) -> tuple[Decimal, Decimal]:
    """Return the Legendre polynomial and its slope, -1 < x < 1."""
    before, value = Decimal(1), x
    for n in range(2, degree + 1):
        before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
    return value, degree * (x * value - before) / (x * x - 1)
