"""Raising alerts: all customers at once, and never a silence that is only missing data.

Conditions have three answers: yes, no, and not known. A level with a "no" is out whatever
else is not known; an alert that no level raises, and some level might, is *not measurable*
for the customer, which is told beside the alerts that are raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.alerts.catalogue import SEVERITIES, AlertCatalogue, Level, Severity
from tiering.condition import BoolArray, Condition

QUIET = -1
"""Level of an alert that is not raised."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiers:
    """The tiers customers stand in: of one scheme, as tier ids mean nothing outside (X9).

    Attributes
    ----------
    scheme
        Id of the scheme.
    ids
        Its tier ids, the best first.
    index
        ``(n,)`` index into ``ids``; -1 for a customer without a tier.
    """

    scheme: str
    ids: tuple[str, ...]
    index: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Alerts:
    """The alerts of ``n`` customers, in the order of the catalogue.

    Attributes
    ----------
    catalogue
        What raised them.
    level
        ``(n, 12)`` index into the levels of the alert; -1 where it is not raised.
    alternative
        ``(n, 12)`` which alternative of that level's ``when`` held, the first that did; -1
        where the alert is not raised.
    unmeasured
        ``(n, 12)`` True where the alert is not raised and missing data leave open whether it
        ought to be.
    """

    catalogue: AlertCatalogue
    level: npt.NDArray[np.int8]
    alternative: npt.NDArray[np.int8]
    unmeasured: BoolArray

    @property
    def raised(self) -> BoolArray:
        """``(n, 12)``."""
        return self.level >= 0

    @property
    def severity(self) -> npt.NDArray[np.int8]:
        """``(n, 12)`` index into ``SEVERITIES``; -1 where the alert is not raised."""
        found = np.full(self.level.shape, QUIET, dtype=np.int8)
        for column, alert in enumerate(self.catalogue.alerts):
            ranks = [SEVERITIES.index(level.severity) for level in alert.levels]
            # The entry behind the last is that of level -1.
            found[:, column] = np.array([*ranks, QUIET], dtype=np.int8)[self.level[:, column]]
        return found

    def level_of(self, row: int, column: int) -> Level | None:
        """Return the level that a customer's alert is raised at, or None."""
        place = int(self.level[row, column])
        return None if place < 0 else self.catalogue.alerts[column].levels[place]

    def severity_of(self, row: int, column: int) -> Severity | None:
        """Return the colour of a customer's alert, or None."""
        level = self.level_of(row, column)
        return None if level is None else level.severity

    def threshold(self, row: int, column: int) -> tuple[Condition, ...]:
        """Return the conditions that raised a customer's alert; empty where it is not."""
        level = self.level_of(row, column)
        if level is None:
            return ()
        return level.conditions[int(self.alternative[row, column])]


def raise_alerts(
    catalogue: AlertCatalogue, values: Mapping[str, FloatArray], tiers: Tiers, n: int
) -> Alerts:
    """Evaluate a catalogue on ``n`` customers.

    Parameters
    ----------
    values
        Indicator, prediction or ``health_score`` to ``(n,)`` values, NaN where unknown; an
        absent column is unknown for everybody.
    tiers
        Tier-conditional levels (X4) are about these. Where a customer has none, such a level
        can be neither affirmed nor denied.
    """
    shape = (n, len(catalogue.alerts))
    level = np.full(shape, QUIET, dtype=np.int8)
    alternative = np.full(shape, QUIET, dtype=np.int8)
    unmeasured = np.zeros(shape, dtype=np.bool_)
    for column, alert in enumerate(catalogue.alerts):
        possible = np.zeros(n, dtype=np.bool_)
        # From the mildest on, and from the last alternative: what is written later wins.
        for place in reversed(range(len(alert.levels))):
            asked = alert.levels[place]
            member, perhaps_member = _scope(asked, tiers, n)
            for number in reversed(range(len(asked.when))):
                yes, perhaps = _all_hold(asked.conditions[number], values, n)
                yes &= member
                level[yes, column] = place
                alternative[yes, column] = number
                possible |= perhaps & perhaps_member
        unmeasured[:, column] = possible & (level[:, column] == QUIET)
    return Alerts(catalogue, level, alternative, unmeasured)


def _all_hold(
    conditions: tuple[Condition, ...], values: Mapping[str, FloatArray], n: int
) -> tuple[BoolArray, BoolArray]:
    """Return where all hold for sure, and where they may."""
    yes = np.ones(n, dtype=np.bool_)
    perhaps = np.ones(n, dtype=np.bool_)
    for condition in conditions:
        column = values.get(condition.indicator)
        holds = condition.holds(column, n)
        yes &= holds
        perhaps &= holds | (np.ones(n, dtype=np.bool_) if column is None else np.isnan(column))
    return yes, perhaps


def _scope(level: Level, tiers: Tiers, n: int) -> tuple[BoolArray, BoolArray]:
    """Return who is in the tiers of a level for sure, and who may be."""
    if level.top_tiers is None and not level.tiers:
        everybody = np.ones(n, dtype=np.bool_)
        return everybody, everybody
    if level.top_tiers is not None:
        wanted = np.arange(len(tiers.ids)) < level.top_tiers
    else:
        wanted = np.array([f"{tiers.scheme}:{tier}" in level.tiers for tier in tiers.ids])
    unknown = tiers.index < 0
    member = np.append(wanted, False)[tiers.index]  # -1 is the entry behind the last
    # A level that names tiers of other schemes only is about none of these customers.
    return member, member | (unknown & bool(wanted.any()))
