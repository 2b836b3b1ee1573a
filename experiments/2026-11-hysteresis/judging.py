"""Ways of holding tiers, judged on the grades of several worlds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from tiering.migration.policy import MigrationPolicy
from training.evaluation.migration import (
    GradeHistory,
    Steadiness,
    replay,
    steadiness,
)

WORLDS = {
    "journey": "Complete Journey",
    "online_retail_II": "Online Retail II",
    "b2b": "simulated B2B company",
}
DAYS = tuple(product((0, 30, 60, 90, 180), (0, 30, 60, 90)))
Key = tuple[float, float, int, int]
"""Points up, points down, days of dwell, days of grace."""


@dataclass(frozen=True)
class Judgement:
    """Figures of one way on one world, by both definitions of the deserved tier."""

    hindsight: Steadiness
    by_value: Steadiness

    def against(self, naive: Judgement) -> dict[str, float]:
        """Return changes against naive cuts."""
        mine, base = self.hindsight, naive.hindsight
        return {
            "reversals_removed": 1 - mine.reversals / base.reversals,
            "moves_removed": 1 - mine.moves / base.moves,
            "accuracy_change": mine.accuracy - base.accuracy,
            "value_accuracy_change": self.by_value.accuracy - naive.by_value.accuracy,
            "delay_quarters_more": mine.delay_quarters - base.delay_quarters,
        }


@dataclass(frozen=True)
class World:
    """Grades of one world over time."""

    hindsight: GradeHistory
    by_value: GradeHistory
    rows: Mapping[str, np.ndarray]

    def judge(self, held: np.ndarray) -> Judgement:
        """Judge tiers held."""
        return Judgement(steadiness(self.hindsight, held), steadiness(self.by_value, held))

    def under(self, key: Key) -> Judgement:
        """Judge a policy."""
        return self.judge(replay(self.hindsight, policy(key)))

    def of(self, customers: np.ndarray) -> World:
        """Return the world of some customers."""
        parts = (
            replace(h, tier=h.tier[:, customers], deserved=h.deserved[:, customers],
                    score=h.score[:, customers])
            for h in (self.hindsight, self.by_value)
        )  # fmt: skip
        return World(*parts, self.rows)


def policy(key: Key) -> MigrationPolicy:
    """Return the policy of a grid point."""
    up, down, dwell, grace = key
    return MigrationPolicy(
        hysteresis_up=up, hysteresis_down=down, min_dwell_days=dwell, grace_days=grace
    )


def load(path: Path) -> World:
    """Read the grades of a world."""
    rows = dict(np.load(path))
    known = (rows["day"], rows["customer"], rows["tier"])
    hindsight, by_value = (
        GradeHistory.of(*known, rows[name], rows["score"], rows["cuts"])
        for name in ("hindsight", "value_tier")
    )
    return World(hindsight, by_value, rows)


def as_dict(judged: Judgement) -> dict[str, object]:
    """Return both definitions' figures."""
    return {"hindsight": judged.hindsight.to_dict(), "by_value": judged.by_value.to_dict()}


def rounded(value: object) -> object:
    """Round floats for reading; NaN becomes None, as JSON has none."""
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    return value
