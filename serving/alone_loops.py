# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""Loops over one customer's hundreds of contributions: the steps of ``serving.explain``, its bits.

Python takes fifty times as long for them. Where numba is missing they are Python all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tiering.compiled import compiled
from tiering.sheet_loops import rank_of


@compiled  # pragma: no cover - it runs as machine code
def settle(numbers: Any, phi: Any, direct: Any, handed: Any, slot: Any, found: Any) -> None:
    """Write a score's base, its ``(m,)`` contributions, and their sums by dimension and indicator.

    Parameters
    ----------
    numbers
        ``(3 k + 4 h,)`` weights, points and typical points of ``k`` weighed; then of each of ``h``
        predictions what raises its margin in sum, what lowers it, and the points that come of both.
    phi
        Parts of the margins of those predictions, one after the other.
    direct, handed
        Positions of what is told as it is, and of those predictions.
    slot
        ``(m,)`` the sum that each contribution belongs to.
    """
    weighed, inputs = (len(numbers) - 4 * len(handed)) // 3, len(phi) // max(len(handed), 1)
    base = 0.0
    for k in range(weighed):
        base += numbers[k] * numbers[2 * weighed + k]
    found[0] = base
    parts, sums = found[1 : 1 + len(slot)], found[1 + len(slot) :]
    place = 0
    for k in direct:
        parts[place] = _gain(numbers, weighed, k)
        place += 1
    for h in range(len(handed)):
        k = handed[h]
        gain, weight = _gain(numbers, weighed, k), numbers[k]
        ways = 3 * weighed + 4 * h
        rise, fall, up, down = (
            numbers[ways],
            numbers[ways + 1],
            numbers[ways + 2],
            numbers[ways + 3],
        )
        total = 0.0
        for j in range(inputs):
            p = phi[h * inputs + j]
            share = 0.0
            # neither, where the population has no data for the prediction
            if p > 0.0 and rise != 0.0:
                share = p / rise * up * weight
            elif p < 0.0 and fall != 0.0:
                share = p / fall * down * weight
            parts[place] = share
            total += share
            place += 1
        parts[place] = gain - total
        place += 1
    sums[:] = 0.0
    for place in range(len(slot)):
        sums[slot[place]] += parts[place]


@compiled  # pragma: no cover - it runs as machine code
def _gain(numbers: Any, weighed: Any, k: Any) -> Any:
    """An indicator without data weighs nothing, whatever its typical points are."""
    points = numbers[weighed + k]
    known = 0.0 if points != points else points
    return numbers[k] * (known - numbers[2 * weighed + k])


@compiled  # pragma: no cover - it runs as machine code
def ranks(values: Any, first: Any, x: Any, percentile: Any, found: Any) -> None:
    """Write percentiles ``(p,)`` to one decimal, as ``tiering.scores.Knots.at_one`` finds them.

    The knots of value ``i`` are those from ``first[i]`` up to ``first[i + 1]``; without any, and of
    an unknown value, NaN is written.
    """
    for i in range(len(values)):
        begin, end = first[i], first[i + 1]
        found[i] = np.nan
        if begin < end:
            rank = rank_of(values[i], x[begin:end], percentile[begin:end])
            found[i] = np.rint(rank * 10.0) / 10.0
