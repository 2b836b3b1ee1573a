# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""One customer's points, weights and score as loops: the steps of ``tiering.sheet``, its bits.

Where numba is missing they are Python all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tiering.compiled import compiled
from tiering.normalize import FALLING, GIVEN, NO_DATA
from tiering.packed import part

_KIND, _ENDS, _FIRST = range(3)
_X, _PERCENTILE, _DIMENSION, _OWN, _POSSIBLE = range(4, 9)
_STEPS = 1e10


@compiled  # pragma: no cover - it runs as machine code
def rank_of(value: Any, x: Any, percentile: Any) -> Any:
    """Return the percentile of a value among knots: ``tiering.scores.Knots.at_one``."""
    last = len(x) - 1
    if value != value:
        return np.nan
    if last == 0:
        return percentile[0]
    low, high = 1, last
    while low < high:  # bisect_right among the inner knots
        middle = (low + high) // 2
        if value < x[middle]:
            high = middle
        else:
            low = middle + 1
    left = low - 1
    if value < x[0]:
        value = x[0]
    elif value > x[last]:
        value = x[last]
    begin, end = percentile[left], percentile[left + 1]
    line = (value - x[left]) / (x[left + 1] - x[left]) * (end - begin) + begin
    return line if line < end else end


@compiled  # pragma: no cover - it runs as machine code
def score_one(values: Any, stage: Any, whole: Any, real: Any, found: Any) -> None:
    """Write points ``(k,)``, weights ``(k,)``, the ``d`` dimensions' scores, the score, and what is
    missing; of a dimension without data NaN.

    ``values`` ``(k,)`` hold points where the kind of the indicator says so.
    """
    kind, ends, first = (
        part(whole, whole, _KIND),
        part(whole, whole, _ENDS),
        part(whole, whole, _FIRST),
    )
    x, percentile = part(real, whole, _X), part(real, whole, _PERCENTILE)
    count, dimensions = len(kind), len(ends) - 1
    share_of = part(real, whole, _DIMENSION)[stage * dimensions :]
    own = part(real, whole, _OWN)[stage * count :]
    possible = part(real, whole, _POSSIBLE)[stage * count :]
    points, weight = found[:count], found[count : 2 * count]
    for j in range(count):
        point = np.nan
        if kind[j] == GIVEN:
            point = values[j]
        elif kind[j] != NO_DATA:
            knots = slice(first[j], first[j + 1])
            point = rank_of(values[j], x[knots], percentile[knots])
            if kind[j] == FALLING:
                point = 100.0 - point
        points[j] = point
        weight[j] = 0.0 if point != point else own[j]
    whole_share = 0.0
    for d in range(dimensions):
        total = within = 0.0
        for j in range(ends[d], ends[d + 1]):
            total += weight[j]
        for j in range(ends[d], ends[d + 1]):
            weight[j] /= total if total > 0.0 else 1.0
            if points[j] == points[j]:
                within += weight[j] * points[j]
        found[2 * count + d] = _between(within) if total > 0.0 else np.nan
        if total > 0.0:
            whole_share += share_of[d]
    score = missing = 0.0
    for d in range(dimensions):
        known = found[2 * count + d] == found[2 * count + d]
        share = (share_of[d] if known else 0.0) / (whole_share if whole_share > 0.0 else 1.0)
        for j in range(ends[d], ends[d + 1]):
            weight[j] *= share
            if points[j] == points[j]:
                score += weight[j] * points[j]
            else:
                missing += possible[j]
    found[2 * count + dimensions] = _between(np.rint(score * _STEPS) / _STEPS)
    found[2 * count + dimensions + 1] = np.rint(missing * _STEPS) / _STEPS


@compiled  # pragma: no cover - it runs as machine code
def _between(x: Any) -> Any:
    if x < 0.0:
        return 0.0
    return 100.0 if x > 100.0 else x
