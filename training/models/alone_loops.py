# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""What a model sees of one customer, and how its margin is split, as loops: the same bits.

Each step is one of ``training/models/design.py``, ``linear.py`` and ``correction.py``, in the same
order. In one call they take as long as three of numpy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tiering.compiled import compiled
from training.models.baseline_loops import baseline
from training.models.elementary import log1p_of, log_of
from training.models.forest.margins import margin_of, view_of

_CLIP = 5.0


@compiled  # pragma: no cover - it runs as machine code
def see(
    values: Any,
    given: Any,
    special: Any,
    numbers: Any,
    taken: Any,
    money: Any,
    term: Any,
    centre: Any,
    deviation: Any,
    weight: Any,
    shares: Any,
    ends: Any,
    first: Any,
    column: Any,
    threshold: Any,
    missing_left: Any,
    left: Any,
    right: Any,
    leaf: Any,
    start: Any,
    matrix: Any,
    parts: Any,
    view: Any,
    found: Any,
) -> None:
    """Write what a model sees of one customer.

    That is the baseline ``(6, 1)``, the inputs ``(1, f)``, what each term of the regression adds
    ``(m,)``, and ``found`` ``(3,)``: the margin without the regression, the offset and the trust.
    ``numbers`` is ``training.models.alone.Alone.numbers``, ``view`` ``(3 f,)`` is scratch.
    """
    smooth_a, mix, share, least = numbers[11], numbers[12], numbers[13], numbers[14]
    horizon, scale, level = numbers[15], numbers[16], numbers[17]
    half_trust, is_ltv = numbers[18], numbers[19]
    beta, gamma, hypergeometric = special[0], special[1], special[2]
    history = (given, beta, gamma, hypergeometric, numbers, smooth_a)
    baseline(*history, mix, share, least, horizon, start)
    value = start[5, 0]
    row = matrix[0]
    for j in range(len(taken)):
        row[j] = values[0, taken[j]]
    for j in money:
        row[j] = row[j] / value
    own = len(taken)
    row[own] = log_of(value / scale)
    row[own + 1] = start[0, 0]
    row[own + 2] = start[2, 0]
    inputs = len(row)
    for i in range(len(term)):
        t = term[i]
        if t >= inputs:
            x = 1.0 if math.isnan(row[t - inputs]) else 0.0
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
        parts[i] = z * weight[i]
    view_of(row, view)
    correction = level
    for g in range(len(shares)):
        told = margin_of(
            view, ends[g], ends[g + 1], first, column, threshold, missing_left, left, right, leaf
        )
        correction = correction + shares[g] * told
    trust = 1.0
    if half_trust != 0.0:
        trust = 1.0 / (1.0 + value / (half_trust * scale))
    offset = log_of(value) if is_ltv != 0.0 else 0.0
    found[0] = offset + trust * correction
    found[1] = offset
    found[2] = trust


@compiled  # pragma: no cover - it runs as machine code
def split(
    shapley: Any,
    shares: Any,
    trust: Any,
    term: Any,
    parts: Any,
    position: Any,
    rest: Any,
    phi: Any,
) -> None:
    """Write the parts of a margin ``(1, m)`` by source indicator, of Shapley values ``(1, g, f)``.

    ``position`` ``(f,)`` is where the source of each input stands in ``phi``; ``rest`` is the
    baseline's own, which stands last.
    """
    ensembles, inputs = shapley.shape[1], shapley.shape[2]
    by_input, by_term = np.zeros(inputs), np.zeros(inputs)
    for g in range(ensembles):
        for j in range(inputs):
            by_input[j] += shares[g] * shapley[0, g, j]
    for i in range(len(term)):
        by_term[term[i] % inputs] += parts[i]
    for j in range(phi.shape[1]):
        phi[0, j] = 0.0
    for j in range(inputs):
        added = by_input[j] * trust
        if len(term):
            added += by_term[j]
        phi[0, position[j]] += added
    phi[0, phi.shape[1] - 1] += rest
