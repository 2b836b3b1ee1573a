"""Which indicators moved between two populations, told apart from noise (#67, #72).

A test alone calls every indicator moved once customers are many, and an effect size alone
calls noise a move while they are few. So an indicator has moved only if its stability index
is large *and* larger than chance explains, with the false alarms over all indicators held
down (Benjamini and Hochberg, JRSS B 1995); below a number of customers nothing is judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import chdtrc

from features.schema import FloatArray
from tiering.errors import PopulationError
from tiering.population.stability import bin_counts, psi

WATCH, MOVED = 0.1, 0.25
"""Stability index from which an indicator is watched, and has moved (Siddiqi 2006)."""
MIN_CUSTOMERS = 100
"""Customers on both sides below which no verdict is given: ten a bin."""
FALSE_ALARMS = 0.05
"""Expected share of false alarms among the alarms."""

Verdict = Literal["stable", "watch", "moved", "unproven", "too_few", "absent"]


@dataclass(frozen=True, slots=True)
class Drift:
    """How one indicator's distribution differs between two populations.

    Attributes
    ----------
    psi
        Characteristic stability index, 0 and up; unknown values are a bin of their own.
    noise
        What the index would be on average had nothing moved, given so many customers.
    p_value, q_value
        Chance of such an index had nothing moved; the second corrected for the number of
        indicators looked at.
    shift
        -1 to 1: probability that a value of the second population exceeds one of the first,
        less that of the opposite (Cliff's delta); NaN where one side knows nothing.
    known_before, known_after
        Customers with a value.
    verdict
        ``unproven``: the index is large, but chance explains it.
    """

    indicator: str
    psi: float
    noise: float
    p_value: float
    q_value: float
    shift: float
    known_before: int
    known_after: int
    verdict: Verdict


def compare_populations(
    before: Mapping[str, FloatArray],
    after: Mapping[str, FloatArray],
    *,
    min_customers: int = MIN_CUSTOMERS,
    false_alarms: float = FALSE_ALARMS,
) -> tuple[Drift, ...]:
    """Compare every indicator of the first population; what moved most comes first.

    The chance is that of two independent samples (Yurdakul 2018: the index is about
    ``(1/n + 1/m)`` times chi-squared with as many degrees of freedom as bins less one). The
    same customers at two times differ by less, so the test is on the safe side for them.

    Parameters
    ----------
    before, after
        Indicator name to values, NaN where unknown; the customers need not be the same.
    min_customers
        Customers needed on both sides for a verdict.
    false_alarms
        Bound on the expected share of false alarms, 0 to 1.

    Raises
    ------
    PopulationError
        If an indicator of ``before`` is missing in ``after``.
    """
    lacking = sorted(before.keys() - after.keys())
    if lacking:
        raise PopulationError(
            "The second population lacks indicators of the first.", indicators=lacking
        )
    found = [_compare(name, column, after[name]) for name, column in before.items()]
    enough = [
        each.verdict != "absent" and min(column.size, after[name].size) >= min_customers
        for each, (name, column) in zip(found, before.items(), strict=True)
    ]
    judged = np.flatnonzero(enough)
    corrected = false_discovery(np.array([found[n].p_value for n in judged]))
    q_values = dict(zip(judged, corrected, strict=True))
    told = [
        _judged(each, float(q_values.get(n, math.nan)), false_alarms)
        for n, each in enumerate(found)
    ]
    return tuple(sorted(told, key=lambda each: (math.isnan(each.psi), -each.psi)))


def false_discovery(p_values: FloatArray) -> FloatArray:
    """Return Benjamini and Hochberg's corrected p-values, ``(k,)`` in the order given."""
    order = np.argsort(p_values)
    scaled = p_values[order] * p_values.size / np.arange(1, p_values.size + 1)
    corrected = np.empty(p_values.size)
    corrected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return corrected


def _compare(name: str, before: FloatArray, after: FloatArray) -> Drift:
    known = [column[~np.isnan(column)] for column in (before, after)]
    n, m = (column.size for column in known)
    if n == 0 or after.size == 0:
        nan = math.nan
        return Drift(name, nan, nan, nan, nan, nan, n, m, "absent")
    index = psi(before, after)
    freedom = bin_counts(before, after).shape[1] - 1
    scale = 1 / before.size + 1 / after.size
    p_value = float(chdtrc(freedom, index / scale)) if freedom else 1.0
    return Drift(name, index, freedom * scale, p_value, math.nan, _shift(*known), n, m, "too_few")


def _shift(before: FloatArray, after: FloatArray) -> float:
    # Here, not above: a web process knows of reports, makes none, and would carry 60 MB for it.
    from scipy.stats import rankdata

    if after.size == 0:
        return math.nan
    ranks = rankdata(np.concatenate([before, after]))[before.size :]
    above = float(ranks.sum()) - after.size * (after.size + 1) / 2
    return 2 * above / (before.size * after.size) - 1


def _judged(found: Drift, q_value: float, false_alarms: float) -> Drift:
    if math.isnan(q_value):
        return found
    verdict: Verdict = "stable"
    if found.psi >= WATCH:
        verdict = "moved" if found.psi >= MOVED else "watch"
        verdict = verdict if q_value <= false_alarms else "unproven"
    return replace(found, q_value=q_value, verdict=verdict)
