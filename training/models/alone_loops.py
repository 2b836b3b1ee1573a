# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""What a model sees of one customer, and how its margin is split, as loops: the same bits.

Each step is one of ``training/models/design.py``, ``linear.py`` and ``correction.py``, in the same
order. In one call they take as long as three of numpy's. All that a model is made of comes in two
packs (``tiering/packed.py``), in the order of the numbers below.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from tiering.compiled import compiled
from tiering.packed import part
from tiering.sides import sides
from training.models.baseline_loops import baseline, inputs
from training.models.elementary import exp_of, expit_of, log1p_of, log_of
from training.models.forest.kernels import shapley
from training.models.forest.legendre import rule
from training.models.forest.margins import margin_of, view_of

_PLACES, _TAKEN, _MONEY, _TERM, _POSITION, _ENDS, _FIRST, _COLUMN = range(8)
_MISSING_LEFT, _LEFT, _RIGHT, _FEATURE, _ABOVE, _ABOVE_LEFT, _CHOSEN = range(8, 15)
_NUMBERS, _CENTRE, _DEVIATION, _WEIGHT, _SHARES, _TYPICAL = range(24, 30)
_THRESHOLD, _LEAF, _LEFT_SHARE, _RIGHT_SHARE, _ENTRY_SHARE = range(30, 35)

SMOOTH_A, BTYD_WEIGHT, ORDER_SHARE, LEAST_DAYS, HORIZON, SCALE, LEVEL, HALF_TRUST, IS_LTV = range(
    11, 20
)
"""Where the numbers of a model stand, behind ``baseline.constants_of``.

The first is a of the purchase model, kept off its singularity; then the mix of the baseline, the
horizon in days, and what ``training.models.correction.Correction`` calls so.
"""

MOST_TERMS = 240
"""More terms of a regression are not summed here; inputs and flags are 216."""

LANES = (8, 16, 32)
"""Points of quadrature; the trees of each stand in three arrays from ``_CHOSEN`` on."""

MARGIN, OFFSET, TRUST, PREDICTION, INPUTS = range(6, 11)
"""Where :func:`see` writes what, behind the six fields of the baseline."""

_CLIP = 5.0
_HALVED = 128


@compiled  # pragma: no cover - it runs as machine code
def see(values: Any, beta: Any, gamma: Any, f21: Any, whole: Any, real: Any, found: Any) -> None:
    """Write what a model sees of one customer of values ``(1, k)``.

    That is the baseline, the margin, its offset, the trust in the trees, the prediction, then the
    ``f`` inputs and what each of ``m`` terms of the regression adds: ``(10 + f + m,)``. The three
    functions of the history are those that only scipy has.
    """
    numbers, taken = part(real, whole, _NUMBERS), part(whole, whole, _TAKEN)
    scale, half_trust, is_ltv = numbers[SCALE], numbers[HALF_TRUST], numbers[IS_LTV]
    given = np.empty((5, 1))
    inputs(values, part(whole, whole, _PLACES), given)
    special = np.empty((3, 1))
    special[0, 0], special[1, 0], special[2, 0] = beta, gamma, f21
    start = found[:MARGIN].reshape(MARGIN, 1)
    baseline(
        given,
        special[0],
        special[1],
        special[2],
        numbers,
        numbers[SMOOTH_A],
        numbers[BTYD_WEIGHT],
        numbers[ORDER_SHARE],
        numbers[LEAST_DAYS],
        numbers[HORIZON],
        start,
    )
    value = start[5, 0]

    own = len(taken)
    row = found[INPUTS : INPUTS + own + 3]
    for j in range(own):
        row[j] = values[0, taken[j]]
    for j in part(whole, whole, _MONEY):
        row[j] = row[j] / value
    row[own] = log_of(value / scale)
    row[own + 1] = start[0, 0]
    row[own + 2] = start[2, 0]

    terms = found[INPUTS + len(row) :]
    _regress(row, whole, real, terms)
    view = np.empty(3 * len(row))
    view_of(row, view)
    correction = numbers[LEVEL]
    shares, ends = part(real, whole, _SHARES), part(whole, whole, _ENDS)
    for g in range(len(shares)):
        told = margin_of(
            view,
            ends[g],
            ends[g + 1],
            part(whole, whole, _FIRST),
            part(whole, whole, _COLUMN),
            part(real, whole, _THRESHOLD),
            part(whole, whole, _MISSING_LEFT),
            part(whole, whole, _LEFT),
            part(whole, whole, _RIGHT),
            part(real, whole, _LEAF),
        )
        correction = correction + shares[g] * told
    trust = 1.0
    if half_trust != 0.0:
        trust = 1.0 / (1.0 + value / (half_trust * scale))
    offset = log_of(value) if is_ltv != 0.0 else 0.0
    margin = offset + trust * correction
    if len(terms):
        margin += added(terms)
    found[MARGIN] = margin
    found[OFFSET] = offset
    found[TRUST] = trust
    found[PREDICTION] = exp_of(margin) if is_ltv != 0.0 else expit_of(margin)


@compiled  # pragma: no cover - it runs as machine code
def _regress(row: Any, whole: Any, real: Any, terms: Any) -> None:
    """Write what each term of the regression adds, ``(m,)``, of inputs ``(f,)``."""
    term, centre = part(whole, whole, _TERM), part(real, whole, _CENTRE)
    deviation, weight = part(real, whole, _DEVIATION), part(real, whole, _WEIGHT)
    count = len(row)
    for i in range(len(term)):
        t = term[i]
        if t >= count:
            x = 1.0 if math.isnan(row[t - count]) else 0.0
        else:
            x = row[t]
            if x > 0.0:
                x = log1p_of(x)
            elif x < 0.0:
                x = -log1p_of(-x)
            else:
                x = 0.0
        z = (x - centre[i]) / deviation[i]
        if z < -_CLIP:
            z = -_CLIP
        elif z > _CLIP:
            z = _CLIP
        terms[i] = z * weight[i]


@compiled  # pragma: no cover - it runs as machine code
def added(x: Any) -> Any:
    """Return the sum of ``(m,)`` terms in the order of ``numpy.add.reduce``, m up to 240.

    It halves what is longer than 128. (numba keeps no machine code of what calls itself.)
    """
    count = len(x)
    if count <= _HALVED:
        return _in_eights(x)
    half = count // 2
    half -= half % 8
    return _in_eights(x[:half]) + _in_eights(x[half:])


@compiled  # pragma: no cover - it runs as machine code
def _in_eights(x: Any) -> Any:
    count = len(x)
    total, rest = 0.0, 0
    if count >= 8:
        a, b, c, d, e, f, g, h = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
        rest = count - count % 8
        for i in range(8, rest, 8):
            a += x[i]
            b += x[i + 1]
            c += x[i + 2]
            d += x[i + 3]
            e += x[i + 4]
            f += x[i + 5]
            g += x[i + 6]
            h += x[i + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(rest, count):
        total += x[i]
    return total


@cache
def dividing(lanes: int) -> Any:
    """Return the loop for the trees that take so many points of quadrature.

    Each is compiled where there are such trees only: that takes seconds.
    """
    quadrature, place = rule(lanes), _CHOSEN + 3 * LANES.index(lanes)
    point, rest, weight = quadrature.point, quadrature.rest, quadrature.weight

    @compiled  # pragma: no cover - it runs as machine code
    def divide(whole: Any, real: Any, seen: Any, each: Any, found: Any) -> None:
        """Add the Shapley values of the trees to ``each`` ``(1, g, f)``, and split the margin.

        ``seen`` is what :func:`see` wrote; ``found`` ``(k + 7,)`` is written anew: the parts by
        source, then ``training.scores.Attribution.ends``.
        """
        shapley(
            seen[INPUTS : INPUTS + each.shape[2]].reshape(1, each.shape[2]),
            part(whole, whole, place),
            part(whole, whole, place + 1),
            part(whole, whole, place + 2)[0],
            point,
            rest,
            weight,
            part(whole, whole, _FIRST),
            part(whole, whole, _COLUMN),
            part(real, whole, _THRESHOLD),
            part(whole, whole, _MISSING_LEFT),
            part(whole, whole, _LEFT),
            part(whole, whole, _RIGHT),
            part(real, whole, _LEAF),
            part(whole, whole, _FEATURE),
            part(real, whole, _LEFT_SHARE),
            part(real, whole, _RIGHT_SHARE),
            part(whole, whole, _ABOVE),
            part(whole, whole, _ABOVE_LEFT),
            part(real, whole, _ENTRY_SHARE),
            each,
        )
        phi, ends = found[:-6], found[-6:]
        _split(whole, real, seen, each, phi)
        _ends(whole, real, phi, ends)

    return divide


@compiled  # pragma: no cover - it runs as machine code
def _split(whole: Any, real: Any, seen: Any, each: Any, phi: Any) -> None:
    """Write the parts of a margin ``(k + 1,)``, of Shapley values ``(1, g, f)``.

    Inputs count for their source; the baseline's own part stands last.
    """
    count = each.shape[2]
    shares, trust = part(real, whole, _SHARES), seen[TRUST]
    term, position = part(whole, whole, _TERM), part(whole, whole, _POSITION)
    typical = part(real, whole, _TYPICAL)
    by_input, by_term = np.zeros(count), np.zeros(count)
    for g in range(len(shares)):
        for j in range(count):
            by_input[j] += shares[g] * each[0, g, j]
    for i in range(len(term)):
        by_term[term[i] % count] += seen[INPUTS + count + i]
    phi[:] = 0.0
    for j in range(count):
        added = by_input[j] * trust
        if len(term):
            added += by_term[j]
        phi[position[j]] += added
    # what distrust takes from the common correction is the account's size, so the baseline's
    phi[len(phi) - 1] += seen[OFFSET] - typical[0] + (trust - 1.0) * typical[1]


@compiled  # pragma: no cover - it runs as machine code
def _ends(whole: Any, real: Any, phi: Any, ends: Any) -> None:
    rise, fall = sides(phi)
    is_ltv, typical = part(real, whole, _NUMBERS)[IS_LTV] != 0.0, part(real, whole, _TYPICAL)
    base = typical[0] + typical[1]
    ends[0], ends[1] = rise, fall
    ends[2], ends[3], ends[4], ends[5] = base, base + rise + fall, base + rise, base + fall
    for i in range(2, 6):
        ends[i] = exp_of(ends[i]) if is_ltv else expit_of(ends[i])
