# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""Loops over one customer's hundreds of contributions: the steps of ``serving.explain``, its bits.

Python takes fifty times as long for them. Where numba is missing they are Python all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tiering.compiled import compiled


@compiled  # pragma: no cover - it runs as machine code
def sides(phi: Any) -> Any:
    """Return the sum of what raises a margin and of what lowers it, of ``(m,)`` parts."""
    rise = fall = 0.0
    for p in phi:
        if p > 0.0:
            rise += p
        elif p < 0.0:
            fall += p
    return rise, fall


@compiled  # pragma: no cover - it runs as machine code
def shares(
    phi: Any, rise: Any, fall: Any, up: Any, down: Any, weight: Any, gain: Any, found: Any
) -> None:
    """Write what each of ``(m,)`` parts brings to the score, and the rest of the gain behind it."""
    total = 0.0
    for j in range(len(phi)):
        p = phi[j]
        share = 0.0
        if p > 0.0:
            share = p / rise * up * weight
        elif p != 0.0:
            share = p / fall * down * weight
        found[j] = share
        total += share
    found[len(phi)] = gain - total


@compiled  # pragma: no cover - it runs as machine code
def ranks(values: Any, first: Any, x: Any, percentile: Any, found: Any) -> None:
    """Write percentiles ``(p,)`` to one decimal, as ``tiering.scores.Knots.at_one`` finds them.

    The knots of value ``i`` are those from ``first[i]`` up to ``first[i + 1]``; without any, and of
    an unknown value, NaN is written.
    """
    for i in range(len(values)):
        value, begin, last = values[i], first[i], first[i + 1] - 1
        found[i] = np.nan
        if value != value or last < begin:
            continue
        rank = percentile[begin]
        if last > begin:
            low, high = begin + 1, last
            while low < high:  # bisect_right among the inner knots
                middle = (low + high) // 2
                if value < x[middle]:
                    high = middle
                else:
                    low = middle + 1
            left = low - 1
            if value < x[begin]:
                value = x[begin]
            elif value > x[last]:
                value = x[last]
            start, end = percentile[left], percentile[left + 1]
            rank = (value - x[left]) / (x[left + 1] - x[left]) * (end - start) + start
            if not rank < end:
                rank = end
        found[i] = np.rint(rank * 10.0) / 10.0
