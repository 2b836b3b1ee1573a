"""The baseline of ``training/models/baseline.py`` as loops over customers, to the same bits.

For one customer numpy takes a microsecond for each of some hundred steps. Each step here is one
of ``baseline.plain`` and of ``training/models/btyd.py``, in the same order; special functions
come from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tiering.compiled import compiled
from training.models.elementary import exp_of, expit_of, log1p_of, log_of, softplus_of

_DAYS_PER_WEEK = 7.0
_DAYS_PER_YEAR = 365.0
_MAX_LOG_ODDS = float(np.log(1000.0))
_MOST = 1.7976931348623157e308


@compiled  # pragma: no cover - it runs as machine code
def _known(x: Any) -> Any:
    """0 where unknown, and finite: ``numpy.nan_to_num``."""
    if math.isnan(x):
        return 0.0
    return min(max(x, -_MOST), _MOST)


@compiled  # pragma: no cover - it runs as machine code
def _gain(x: Any) -> Any:
    """0 where unknown or below: of two zeros numpy's maximum is the positive one."""
    known = _known(x)
    return known if known > 0.0 else 0.0


@compiled  # pragma: no cover - it runs as machine code
def inputs(values: Any, places: Any, found: Any) -> None:
    """Write x, t_x, T, the mean value and the spend, ``(5, n)``, of ``values`` ``(n, k)``."""
    for i in range(len(values)):
        tenure = _gain(values[i, places[2]])
        found[0, i] = _gain(values[i, places[0]])
        found[1, i] = min(_gain(values[i, places[1]]), tenure)
        found[2, i] = tenure
        found[3, i] = values[i, places[3]]
        found[4, i] = _known(values[i, places[4]])


@compiled  # pragma: no cover - it runs as machine code
def baseline(
    given: Any,
    beta: Any,
    gamma: Any,
    hypergeometric: Any,
    constants: Any,
    smooth_a: Any,
    weight: Any,
    share: Any,
    least: Any,
    horizon: Any,
    found: Any,
) -> None:
    """Write the fields of a ``Baseline``, ``(6, n)``, for inputs ``(5, n)``."""
    r, alpha, b, first = constants[0], constants[1], constants[2], constants[3]
    beta_0, gamma_0, log_a, log_alpha = constants[4], constants[5], constants[6], constants[7]
    p, q, v = constants[8], constants[9], constants[10]
    h = horizon / _DAYS_PER_WEEK
    for i in range(given.shape[1]):
        x, days, mean = given[0, i], given[2, i], given[3, i]
        last, weeks = given[1, i] / _DAYS_PER_WEEK, days / _DAYS_PER_WEEK
        c = x + first
        later = weeks + h
        log_now, log_later = log_of(alpha + weeks), log_of(alpha + later)
        gone = gone_later = -math.inf
        if c > 0:
            start = log_a - log_of(b + c - 1.0)
            log_last = log_of(alpha + last)
            gone = start + (r + x) * (log_now - log_last)
            gone_later = start + (r + x) * (log_later - log_last)
        history = beta[i] - beta_0 + gamma[i] - gamma_0 + r * log_alpha
        seen = history - (r + x) * log_now + softplus_of(gone)
        none = exp_of(history - (r + x) * log_later + softplus_of(gone_later) - seen)
        if none > 1.0:
            none = 1.0
        log_odds = log_of(none) - log1p_of(-none)
        alive = expit_of(-gone)

        z = h / (alpha + weeks + h)
        top = smooth_a + b + c - 1.0
        decay = exp_of((smooth_a - 1.0) * log1p_of(-z)) * hypergeometric[i]
        purchases = top / (smooth_a - 1.0) * (1.0 - decay) * alive
        if purchases <= 0.0:
            purchases = 0.0

        count = x if math.isfinite(mean) else 0.0
        order = p * (v + count * _gain(mean)) / (p * count + q - 1.0)
        rate = _gain(given[4, i]) * horizon / min(max(days, least), _DAYS_PER_YEAR)
        expected = purchases * order
        found[0, i] = alive
        found[1, i] = purchases
        found[2, i] = min(max(log_odds, -_MAX_LOG_ODDS), _MAX_LOG_ODDS)
        found[3, i] = expected
        found[4, i] = rate
        found[5, i] = weight * expected + (1.0 - weight) * rate + share * order
