"""How the customers of a run differ from those of the run before, and whether that is alarming."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from features.schema import FloatArray
from tiering.population.alarms import next_level, simes
from tiering.population.drift import Drift, compare_populations


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What moved between two runs.

    Attributes
    ----------
    customers_before, customers_after
        How many were compared; large runs are sampled.
    p_value
        Chance of it all had nothing moved.
    level
        What the chance was held against (``tiering.population.alarms``).
    alarm
        Whether something moved by an effect that counts, beyond chance.
    found
        By indicator or prediction, what moved most first.
    """

    run_id: str
    before_run_id: str
    at: datetime
    customers_before: int
    customers_after: int
    p_value: float
    level: float
    alarm: bool
    found: tuple[Drift, ...]

    @property
    def moved(self) -> tuple[Drift, ...]:
        """What moved, or is to be watched."""
        return tuple(each for each in self.found if each.verdict in ("moved", "watch"))


def report_of(
    run_id: str,
    before_run_id: str,
    before: Mapping[str, FloatArray],
    after: Mapping[str, FloatArray],
    earlier: Sequence[bool],
    at: datetime,
) -> DriftReport:
    """Compare two runs.

    Parameters
    ----------
    before, after
        By indicator or prediction ``(n,)`` and ``(m,)``; only what both have is compared.
    earlier
        Whether the reports before raised an alarm, oldest first.
    """
    shared = [name for name in before if name in after]
    found = compare_populations(
        {name: before[name] for name in shared}, {name: after[name] for name in shared}
    )
    judged = [each.p_value for each in found if not math.isnan(each.q_value)]
    p_value, level = simes(judged), next_level(earlier)
    # A small move of very many customers is no alarm, however sure it is.
    large = any(each.verdict == "moved" for each in found)
    return DriftReport(
        run_id=run_id,
        before_run_id=before_run_id,
        at=at,
        customers_before=max((len(before[name]) for name in shared), default=0),
        customers_after=max((len(after[name]) for name in shared), default=0),
        p_value=p_value,
        level=level,
        alarm=large and p_value <= level,
        found=found,
    )
