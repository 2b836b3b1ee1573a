"""Does an indicator know what it is meant to help predict?

Two looks. *By name*: every indicator of a bundle stands in the catalogue, and none is an
outcome or a prediction. *By measure*: no single indicator, on days that were not learned from,
tells leavers from stayers or orders customers by future spend nearly as well as the answer
itself would. Honest indicators do not: on the real logs the nearest has an AUC of .85 (Complete
Journey, 30 days) and a rank correlation of .80. What does is computed from the future, or was
written down after it and dated back (an assessment entered with hindsight, say).

Whether a value is *known* is looked at like the value: a field that is filled only for
customers who came back leaks too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from features.schema import CATALOGUE, PREDICTIONS, FloatArray
from training.dataset import TrainingSet
from training.evaluation.metrics import auc, spearman

OUTCOMES = frozenset({"churned", "net_value", *PREDICTIONS})
"""Names that belong to answers; an indicator must not bear one."""

FILE = "leakage.json"
"""Name of the report among a version's evidence."""

SAMPLE = 20_000
"""Customers looked at for one day, evenly spaced; a leak that matters shows in fewer."""

FEWEST = 10
"""Leavers, and stayers, that a day must have (and half its customers) to be measured on."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How closely one indicator resembles one answer.

    Attributes
    ----------
    indicator
        Its name.
    target
        ``churn`` or ``ltv``.
    seen
        ``value``, or ``known``: whether there is a value.
    strength
        For churn the AUC, turned so that it is at least 0.5; for LTV the absolute rank
        correlation. The mean over days by their rows; 1 is the answer itself.
    n
        Rows it was measured on, all days together.
    """

    indicator: str
    target: str
    seen: str
    strength: float
    n: int


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What both looks found.

    Attributes
    ----------
    days
        Days it was measured on, ISO.
    unlisted
        Indicators that are not in the catalogue.
    outcomes
        Indicators that bear the name of an outcome or a prediction.
    resemblances
        The stronger of value and known for each indicator and target, strongest first;
        indicators with too few rows have none.
    """

    days: tuple[str, ...]
    unlisted: tuple[str, ...]
    outcomes: tuple[str, ...]
    resemblances: tuple[Resemblance, ...]

    def of(self, target: str) -> tuple[Resemblance, ...]:
        """Return the resemblances to one target, strongest first."""
        return tuple(each for each in self.resemblances if each.target == target)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> LeakageReport:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            days=tuple(document["days"]),
            unlisted=tuple(document["unlisted"]),
            outcomes=tuple(document["outcomes"]),
            resemblances=tuple(Resemblance(**each) for each in document["resemblances"]),
        )

    def save(self, folder: Path) -> None:
        """Write ``leakage.json`` into a folder."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / FILE).write_text(text + "\n", "utf-8")


def look_for_leakage(data: TrainingSet, days: Iterable[date]) -> LeakageReport:
    """Look at every indicator of a training set by name and by measure.

    Parameters
    ----------
    data
        Material of the run.
    days
        Snapshot days to measure on: the backtest's origins, whose outcomes no model that
        predicts them has seen. Eligible customers with a closed outcome count.
    """
    chosen = [_sample(_judged(data.on(day))) for day in days]
    # A column that models never learn from cannot leak into them.
    inputs = [n for n in data.columns if n not in CATALOGUE or CATALOGUE[n].model_input]
    found = []
    for name in inputs:
        columns = [(rows.column(name), rows) for rows in chosen]
        for target in ("churn", "ltv"):
            kinds = (
                _resemblance(name, target, "value", columns),
                _resemblance(name, target, "known", columns),
            )
            known = [each for each in kinds if each is not None]
            found += sorted(known, key=_strength)[-1:]
    return LeakageReport(
        days=tuple(str(day) for day in days),
        unlisted=tuple(name for name in data.columns if name not in CATALOGUE),
        outcomes=tuple(name for name in data.columns if name in OUTCOMES),
        resemblances=tuple(sorted(found, key=_strength, reverse=True)),
    )


def _strength(found: Resemblance) -> float:
    return found.strength


def _judged(rows: TrainingSet) -> TrainingSet:
    return rows.where(rows.eligible & ~np.isnan(rows.churned) & ~np.isnan(rows.net_value))


def _sample(rows: TrainingSet) -> TrainingSet:
    if len(rows) <= SAMPLE:
        return rows
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64)] = True
    return rows.where(chosen)


def _resemblance(
    name: str, target: str, seen: str, columns: Sequence[tuple[FloatArray, TrainingSet]]
) -> Resemblance | None:
    total, size = 0.0, 0
    for values, rows in columns:
        known = ~np.isnan(values)
        if seen == "value":
            there, kept = values, known
        else:
            there, kept = known.astype(np.float64), np.ones_like(known)
        answer = rows.churned if target == "churn" else rows.net_value
        strength = _alike(there[kept], answer[kept], target)
        if not np.isnan(strength):
            total += strength * int(kept.sum())
            size += int(kept.sum())
    return Resemblance(name, target, seen, total / size, size) if size else None


def _alike(values: FloatArray, answer: FloatArray, target: str) -> float:
    """Strength on one day; NaN where there are too few rows to tell."""
    if target == "churn":
        leavers = int((answer > 0.5).sum())
        if min(leavers, len(answer) - leavers) < FEWEST:
            return float("nan")
        area = auc(answer, values)
        return max(area, 1.0 - area)
    return abs(spearman(answer, values)) if len(answer) >= 2 * FEWEST else float("nan")
