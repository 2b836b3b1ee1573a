"""How sure metrics are, and the differences between models: a paired bootstrap over customers.

Customers, not rows, are drawn: one customer at several origins is one observation. All models
are judged on the same draws, so what they have in common cancels out of a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation.judged import Judged
from training.evaluation.panel import Panel, Stats, panels
from training.evaluation.rows import COMPARED, OURS, MetricRow

RESAMPLES = 400
"""Draws of a backtest; fewer, down to :data:`FEWEST`, where rows are so many that little is
left to be unsure of."""

FEWEST = 100
LEVEL = 0.95
_WORK = 20_000_000
_MEMORY = 1_500_000


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Bootstrap draws of the customers behind ``n`` rows.

    Attributes
    ----------
    owner
        ``(n,)`` number of each row's customer.
    customers
        How many customers there are.
    seed
        Seed of the draws; the same seed gives the same draws.
    """

    owner: npt.NDArray[np.intp]
    customers: int
    seed: int

    @classmethod
    def of(cls, customer_id: npt.NDArray[np.str_], seed: int) -> Draws:
        """Number the customers of ``(n,)`` rows."""
        names, owner = np.unique(customer_id, return_inverse=True)
        return cls(owner, len(names), seed)

    @property
    def resamples(self) -> int:
        """How many draws are made of so many rows."""
        return int(np.clip(_WORK // max(1, len(self.owner)), FEWEST, RESAMPLES))

    def by_customer(self) -> Iterator[FloatArray]:
        """Yield weights of the customers in chunks ``(c, customers)``."""
        generator = np.random.default_rng(self.seed)
        chunk = max(1, _MEMORY // max(1, len(self.owner)))
        for start in range(0, self.resamples, chunk):
            # Poisson(1) weights: the same in the limit as drawing m of m, and one array a chunk.
            size = (min(chunk, self.resamples - start), self.customers)
            weight = generator.poisson(1.0, size).astype(np.float64)
            weight[weight.sum(axis=1) == 0] = 1.0
            yield weight

    def by_row(self) -> Iterator[FloatArray]:
        """Yield weights of the rows in chunks ``(c, n)``."""
        for weight in self.by_customer():
            yield weight[:, self.owner]

    def totals(self, columns: FloatArray) -> FloatArray:
        """Return the sums of row columns ``(n, k)`` in every draw, ``(r, k)``."""
        sums = np.stack(
            [np.bincount(self.owner, weights=c, minlength=self.customers) for c in columns.T],
            axis=1,
        )
        return np.concatenate([weight @ sums for weight in self.by_customer()])


def interval(draws: FloatArray) -> tuple[float, float]:
    """Return the 95 % percentile interval of draws ``(r,)`` (Efron 1979); NaN if undefined."""
    known = draws[~np.isnan(draws)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def with_intervals(
    pooled: Judged, rows: Sequence[MetricRow], seed: int
) -> tuple[tuple[MetricRow, ...], tuple[Mapping[str, Any], ...]]:
    """Return pooled rows with intervals, and the differences to every baseline.

    The served model gets an interval for every metric, the baselines for those of ``COMPARED``.
    A baseline that knows only some customers is compared with the served model on those alone.

    Parameters
    ----------
    pooled
        All origins' rows.
    rows
        The pooled metric rows, each of which comes back with its intervals.
    """
    side_by_side = [panel for f in pooled.forecasts for panel in panels(pooled, f)]
    drawn: list[dict[str, dict[str, list[FloatArray]]]] = [
        defaultdict(lambda: defaultdict(list)) for _ in side_by_side
    ]
    for weight in Draws.of(pooled.customer_id, seed).by_row():
        for panel, kept in zip(side_by_side, drawn, strict=True):
            for model, stats in panel.stats(weight).items():
                for name, values in stats.items():
                    kept[model][name].append(values)
    by_key = {row.key: row for row in rows}
    differences: list[Mapping[str, Any]] = []
    for panel, kept in zip(side_by_side, drawn, strict=True):
        stats_of = {
            model: {name: np.concatenate(parts) for name, parts in stats.items()}
            for model, stats in kept.items()
        }
        exact = panel.stats(np.ones((1, len(pooled))))
        for model, stats in stats_of.items():
            key = (panel.forecast.target, panel.forecast.horizon_days, model)
            if panel.whole or model != OURS:
                found = {name: interval(values) for name, values in stats.items()}
                by_key[key] = replace(by_key[key], intervals=_known(found))
            if model != OURS:
                differences += _differences(panel, exact, stats_of, model)
    return tuple(by_key[row.key] for row in rows), tuple(differences)


def _known(found: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: bounds for name, bounds in found.items() if not np.isnan(bounds).any()}


def _differences(
    panel: Panel, exact: Mapping[str, Stats], drawn: Mapping[str, Stats], model: str
) -> Iterator[Mapping[str, Any]]:
    for name in COMPARED[panel.forecast.target]:
        low, high = interval(drawn[OURS][name] - drawn[model][name])
        mean = float(exact[OURS][name][0] - exact[model][name][0])
        if np.isnan([mean, low, high]).any():
            continue
        yield {
            "target": panel.forecast.target,
            "horizon_days": panel.forecast.horizon_days,
            "metric": name,
            "model": model,
            "n": int(panel.rows.sum()),
            "whole": panel.whole,
            "mean": mean,
            "low": low,
            "high": high,
        }
