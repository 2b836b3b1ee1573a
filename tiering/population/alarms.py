"""Alarms over time: how small a chance has to be for the next alarm to be worth its noise.

A watch that tests every run at 5 % raises a false alarm in a year of months with a chance of
one half. Here each test gets a level of its own, paid from a budget that alarms refill, so that
the expected share of false ones among all alarms ever raised stays below the bound, however
long the watch goes on (LORD++: Ramdas, Yang, Wainwright and Jordan, NeurIPS 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tiering.errors import PopulationError

_SCALE = 0.07720838
"""Makes the spending sequence sum to 1 (Javanmard and Montanari, Ann. Statist. 46, 2018)."""


def simes(p_values: Sequence[float]) -> float:
    """Return the chance (0 to 1) that none of several indicators moved; 1 for none at all.

    The smallest corrected p-value; it holds for indicators that move together (Simes,
    Biometrika 73, 1986).
    """
    ordered = sorted(p_values)
    return min((p * len(ordered) / rank for rank, p in enumerate(ordered, 1)), default=1.0)


def next_level(earlier: Sequence[bool], false_alarms: float = 0.05) -> float:
    """Return the level (0 to 1) at which the next run is tested.

    Parameters
    ----------
    earlier
        Whether each earlier run raised an alarm, oldest first.
    false_alarms
        Bound on the expected share of false alarms among all alarms, above 0 and below 1.

    Raises
    ------
    PopulationError
        If the bound is not between 0 and 1.
    """
    if not 0.0 < false_alarms < 1.0:
        raise PopulationError(
            "The share of false alarms must lie between 0 and 1.", false_alarms=false_alarms
        )
    now = len(earlier) + 1
    start = false_alarms / 2
    level = start * _spent(now)
    raised = [run for run, alarm in enumerate(earlier, 1) if alarm]
    for place, run in enumerate(raised):
        level += (false_alarms - start if place == 0 else false_alarms) * _spent(now - run)
    return level


def _spent(place: int) -> float:
    """Return the share of a budget that its ``place``-th test may use."""
    return _SCALE * math.log(max(place, 2)) / (place * math.exp(math.sqrt(math.log(place))))
