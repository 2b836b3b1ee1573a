"""What a KPI measures, from the indicators and tiers of one or two snapshots.

Every measure is a share, a mean, a ratio, a growth or a net promoter score of customers, with
the number of customers it rests on and an interval. Nothing is made up: without a column the
measure says which column is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.condition import BoolArray, parse_condition
from tiering.errors import PopulationError
from tiering.population.intervals import ratio_of_means, wilson

BEFORE = "before_"
"""Prefix of the values that a customer had at the earlier snapshot."""
DERIVED = ("tier", "tier_rise", "ordered_between")
"""Columns beside the indicators: tier index, 0 the best; tiers climbed since the earlier
snapshot; 1 for a customer who ordered between the two, else 0."""
PROMOTER, DETRACTOR = 90.0, 70.0
"""Willingness to recommend, 0 to 100: promoters from 9 of 10, detractors up to 6 of 10."""


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """What is known of all customers at one snapshot.

    Attributes
    ----------
    as_of
        Day of the snapshot.
    customer_id
        ``(n,)`` unique ids.
    values
        Indicator or prediction name to ``(n,)`` values, NaN where unknown.
    tier
        ``(n,)`` tier index, 0 the best; None while nobody is graded.
    """

    as_of: date
    customer_id: npt.NDArray[np.str_]
    values: Mapping[str, FloatArray]
    tier: npt.NDArray[np.integer] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured value.

    Attributes
    ----------
    value, lower, upper
        The value and its 95 % interval; NaN where it cannot be computed.
    n
        Customers it rests on.
    unknown
        Customers asked for, for whom it is not known.
    missing
        Columns that nobody has a value in; then nothing is measured.
    """

    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    n: int = 0
    unknown: int = 0
    missing: tuple[str, ...] = ()

    def scaled(self, factor: float) -> Measured:
        """Return the same in other units; ``factor`` is above 0."""
        return Measured(
            self.value * factor,
            self.lower * factor,
            self.upper * factor,
            self.n,
            self.unknown,
            self.missing,
        )


def columns(now: Occasion, before: Occasion | None = None) -> dict[str, FloatArray]:
    """Return the columns that measures may use, ``(n,)`` for the customers of ``now``.

    Raises
    ------
    PopulationError
        If an id stands twice, or ``before`` is not before ``now``.
    """
    found = _with_tier(now)
    if before is None:
        return found
    elapsed = (now.as_of - before.as_of).days
    if elapsed < 1:
        raise PopulationError(
            "The earlier snapshot must be before the later one.",
            before=before.as_of.isoformat(),
            now=now.as_of.isoformat(),
        )
    place = _places(now.customer_id, before.customer_id)
    for name, column in _with_tier(before).items():
        padded = np.append(column, np.nan)  # who was not there takes the last, unknown
        found[f"{BEFORE}{name}"] = padded[place]
    if "tier" in found and f"{BEFORE}tier" in found:
        found["tier_rise"] = found[f"{BEFORE}tier"] - found["tier"]
    silence = found.get("days_since_last_order")
    if silence is not None:
        found["ordered_between"] = np.where(np.isnan(silence), np.nan, silence < elapsed)
    return found


def share(table: Mapping[str, FloatArray], among: tuple[str, ...], of: tuple[str, ...]) -> Measured:
    """Measure the share of customers in whom all of ``of`` hold, among those of ``among``."""
    asked, known, lacking = _asked(table, among, of)
    if lacking:
        return Measured(missing=lacking)
    n = int(known.sum())
    hits = int((known & _all_hold(table, of)).sum())
    unknown = int(asked.sum()) - n
    if n == 0:
        return Measured(unknown=unknown)
    return Measured(hits / n, *wilson(hits, n), n, unknown)


def ratio(
    table: Mapping[str, FloatArray],
    among: tuple[str, ...],
    of: tuple[str, ...],
    value: str,
    per: str = "",
) -> Measured:
    """Measure the sum of ``value`` over the sum of ``per``, or over the customers.

    Parameters
    ----------
    of
        Conditions a customer must meet to count in the upper sum.
    """
    used = (value, per) if per else (value,)
    asked, known, lacking = _asked(table, among, of, *used)
    if lacking:
        return Measured(missing=lacking)
    part = np.where(_all_hold(table, of), table[value], 0.0)[known]
    whole = table[per][known] if per else np.ones(part.size)
    n = int(known.sum())
    return Measured(*ratio_of_means(part, whole), n, int(asked.sum()) - n)


def growth(table: Mapping[str, FloatArray], among: tuple[str, ...], value: str) -> Measured:
    """Measure how much the mean of ``value`` grew for the same customers; 0.25 is 25 %."""
    found = ratio(table, among, (), value, f"{BEFORE}{value}")
    return Measured(
        found.value - 1, found.lower - 1, found.upper - 1, found.n, found.unknown, found.missing
    )


def net_promoters(table: Mapping[str, FloatArray], among: tuple[str, ...], value: str) -> Measured:
    """Measure promoters less detractors in points, -100 to 100, of answers from 0 to 100."""
    asked, known, lacking = _asked(table, among, (), value)
    if lacking:
        return Measured(missing=lacking)
    answers = table[value][known]
    vote = 100.0 * ((answers >= PROMOTER).astype(np.float64) - (answers < DETRACTOR))
    found = ratio_of_means(vote, np.ones(vote.size))
    return Measured(*found, vote.size, int(asked.sum()) - vote.size)


def _asked(
    table: Mapping[str, FloatArray], among: tuple[str, ...], of: tuple[str, ...], *used: str
) -> tuple[BoolArray, BoolArray, tuple[str, ...]]:
    """Return who is asked for, of whom all is known, and the columns that nobody has."""
    needed = [*(parse_condition(text).indicator for text in of), *used]
    filters = [parse_condition(text).indicator for text in among]
    lacking = dict.fromkeys(
        name for name in (*filters, *needed) if name not in table or np.isnan(table[name]).all()
    )
    if lacking:
        nobody = np.zeros(0, dtype=np.bool_)
        return nobody, nobody, tuple(lacking)
    asked = _all_hold(table, among)
    known = asked.copy()
    for name in needed:
        known &= ~np.isnan(table[name])
    return asked, known, ()


def _all_hold(table: Mapping[str, FloatArray], conditions: tuple[str, ...]) -> BoolArray:
    n = len(next(iter(table.values())))
    held = np.ones(n, dtype=np.bool_)
    for text in conditions:
        condition = parse_condition(text)
        held &= condition.holds(table[condition.indicator], n)
    return held


def _with_tier(occasion: Occasion) -> dict[str, FloatArray]:
    found = dict(occasion.values)
    if occasion.tier is not None:
        found["tier"] = occasion.tier.astype(np.float64)
    return found


def _places(wanted: npt.NDArray[np.str_], there: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """Return where each wanted id is in the other list; its length for who is not there."""
    for ids in (wanted, there):
        if np.unique(ids).size != ids.size:
            raise PopulationError("A customer stands twice in a snapshot.")
    if there.size == 0:
        return np.zeros(wanted.size, dtype=np.intp)
    order = np.argsort(there)
    found = np.minimum(np.searchsorted(there, wanted, sorter=order), there.size - 1)
    place = order[found]
    return np.where(there[place] == wanted, place, there.size)
