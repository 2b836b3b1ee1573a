"""The one place that knows how a backtest report is laid out: JSON in, plain rows out.

Reads reports with and without a horizon on each row, an interval on each metric, and a
difference for each metric; what a report does not hold stays None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OURS, POOLED = "tierwise", "pooled"

LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece", "mae", "rmse", "decile_mape"})

JUDGED: Mapping[str, tuple[str, ...]] = {
    "churn": ("auc", "log_loss", "brier"),
    "ltv": ("mae", "rmse", "normalised_gini", "spearman"),
}
"""Metrics on which every baseline has to be beaten, by target."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Result:
    """Pooled figures of one model; an interval by metric where the report has it."""

    model: str
    n: int
    whole: bool
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours minus a baseline's, with a paired 95 % interval where the report has one."""

    metric: str
    model: str
    mean: float
    interval: Interval | None

    @property
    def better(self) -> bool:
        """Whether the served model is the better one."""
        return self.mean < 0 if self.metric in LOWER_IS_BETTER else self.mean > 0

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval is not None and (self.interval[0] > 0) == (self.interval[1] > 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One target at one horizon: every model, and ours against every baseline."""

    target: str
    horizon_days: int
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]

    @property
    def ours(self) -> Result:
        """The served model."""
        return next(result for result in self.results if result.model == OURS)

    @property
    def baselines(self) -> tuple[Result, ...]:
        """Baselines that know every customer; the others cannot be compared."""
        return tuple(r for r in self.results if r.model != OURS and r.whole)

    def best(self, metric: str) -> tuple[str, float] | None:
        """Return the best baseline by a metric, and its figure."""
        known = [
            (result.model, value)
            for result in self.baselines
            if (value := result.metrics.get(metric)) is not None
        ]
        pick = min if metric in LOWER_IS_BETTER else max
        return pick(known, key=lambda pair: pair[1]) if known else None

    def gain(self, metric: str) -> float | None:
        """Return how much better ours is than the best baseline, as a share of its figure."""
        best, mine = self.best(metric), self.ours.metrics.get(metric)
        if best is None or mine is None or best[1] == 0:
            return None
        gap = best[1] - mine if metric in LOWER_IS_BETTER else mine - best[1]
        return gap / abs(best[1])


def comparisons(report: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """Return every target and horizon of a report (``BacktestReport.to_dict``)."""
    pooled = [row for row in report["rows"] if row["origin"] == POOLED]
    keys = dict.fromkeys((row["target"], _horizon(row, report)) for row in pooled)
    found = []
    for target, days in keys:
        mine = [r for r in pooled if (r["target"], _horizon(r, report)) == (target, days)]
        results = tuple(_result(row) for row in mine)
        found.append(Comparison(target, days, results, _differences(report, target, days, results)))
    return tuple(found)


def origins(report: Mapping[str, Any]) -> list[str]:
    """Return the days of the backtest, ascending."""
    return [str(count["origin"]) for count in report["counts"]]


def tiers(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the pooled tier figures by what the right tier is taken to be."""
    named = {"hindsight, same scheme": "tiers", "realised value alone": "value_tiers"}
    return {
        name: row
        for name, key in named.items()
        for row in report.get(key, ())
        if row["origin"] == POOLED
    }


def stability(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how often tiers changed, and changed back, if the report says so."""
    found: Mapping[str, Any] = report.get("stability") or {}
    return found


def coverage(comparison: Comparison, report: Mapping[str, Any]) -> dict[str, float]:
    """Return the measured coverage of the served model's intervals by nominal level."""
    main = report["facts"].get("interval")
    found = {}
    for name, value in comparison.ours.metrics.items():
        if name.startswith("coverage") and value is not None:
            level = name.removeprefix("coverage").strip("_")
            nominal = float(level) if level else 100 * float(main or 0)
            found[f"{nominal:g} %"] = value
    return found


def _horizon(row: Mapping[str, Any], report: Mapping[str, Any]) -> int:
    days = row.get("horizon_days") or report["facts"].get(f"{row['target']}_horizon_days", 0)
    return int(days)


def _result(row: Mapping[str, Any]) -> Result:
    intervals = {name: (low, high) for name, (low, high) in (row.get("intervals") or {}).items()}
    return Result(row["model"], row["n"], row.get("whole", True), row["metrics"], intervals)


def _differences(
    report: Mapping[str, Any], target: str, days: int, results: Sequence[Result]
) -> tuple[Difference, ...]:
    told = {
        (row["metric"], row["model"]): row
        for row in report["differences"]
        if row["target"] == target and _horizon(row, report) == days
    }
    ours = next(result for result in results if result.model == OURS)
    found = []
    for result in results:
        for metric in JUDGED[target]:
            mine, other = ours.metrics.get(metric), result.metrics.get(metric)
            if result.model == OURS or not result.whole or mine is None or other is None:
                continue
            row = told.get((metric, result.model))
            known = row is not None and row.get("low") is not None
            interval = (row["low"], row["high"]) if row is not None and known else None
            mean = row["mean"] if row is not None and known else mine - other
            found.append(Difference(metric, result.model, mean, interval))
    return tuple(found)
