"""What a backtest found, as data: metrics by target, model and origin, tiers, curves.

The report is the one source of the model card, the plots, the gates and the registry's
metrics; it is stored as JSON with the version and read back when the next one is judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

OURS = "tierwise"
"""Name of the served model among the models of a report."""

POOLED = "pooled"
"""Name of the origin that stands for all origins together."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    "churn": ("auc", "pr_auc", "brier", "log_loss", "ece", "precision_top_decile"),
    "ltv": ("mae", "rmse", "normalised_gini", "spearman", "decile_mape", "top_decile_share"),
}
"""Metrics of each target, in the order of the tables."""

LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece", "mae", "rmse", "decile_mape"})
"""Metrics of which less is better."""

WITHIN_ORIGIN = ("auc", "pr_auc", "precision_top_decile")
"""Churn metrics that are pooled as means over origins; all others are over pooled rows.

A ranking of all rows together also ranks the origins: a base rate that differs from origin to
origin would earn or lose AUC although it ranks no customer before another.
"""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Metrics of one model at one origin, or pooled over all.

    Attributes
    ----------
    target
        ``churn`` or ``ltv``.
    model
        :data:`OURS` or the name of a baseline.
    origin
        ISO day, or :data:`POOLED`.
    n
        Customers (pooled: customer-origins) the metrics are over.
    whole
        Whether these are all eligible customers; a model that knows only some of them is not
        compared with the others.
    metrics
        Value by metric name; NaN where undefined (one class only, for instance). Pooled, the
        figures of churn ranking are means over the origins (:meth:`ranked_within`).
    """

    target: str
    model: str
    origin: str
    n: int
    whole: bool
    metrics: Mapping[str, float]

    def ranked_within(self, rows: Sequence[MetricRow]) -> MetricRow:
        """Return this pooled row with size-weighted means over origins of its ranking figures.

        Parameters
        ----------
        rows
            Rows of single origins, of any model and target; the own are picked out. An origin
            where a figure is undefined (one class only) has no weight in it.
        """
        mine = [row for row in rows if (row.target, row.model) == (self.target, self.model)]
        means = {name: _mean(name, mine) for name in WITHIN_ORIGIN if name in self.metrics}
        return replace(self, metrics={**self.metrics, **means})


@dataclass(frozen=True, slots=True)
class TierRow:
    """How the tiers given at an origin compare with those that hindsight would have given.

    Hindsight: the same scheme and indicators, with the realised net value and churn in place
    of the predictions, ranked among the realised values of all (requirement #63).

    Attributes
    ----------
    origin
        ISO day, or :data:`POOLED`.
    n
        Customers.
    accuracy, within_one
        Shares with the same tier, and at most one tier apart.
    too_high, too_low
        Shares graded better, and worse, than hindsight.
    majority
        Share of the commonest hindsight tier: the accuracy of always naming it.
    referred
        Share sent to the panel; ``auto_accuracy`` is over the others.
    strict_accuracy
        Accuracy if outcomes are ranked among predictions, as the served reference does.
    confusion
        ``(t, t)`` counts, row: tier given, column: tier in hindsight, best tier first.
    """

    origin: str
    n: int
    accuracy: float
    within_one: float
    too_high: float
    too_low: float
    majority: float
    referred: float
    strict_accuracy: float
    auto_accuracy: float
    confusion: tuple[tuple[int, ...], ...]

    def precision(self, tier: int) -> float:
        """Share of those given a tier whom hindsight puts there too; NaN if nobody was."""
        return _share(self.confusion[tier][tier], sum(self.confusion[tier]))

    def recall(self, tier: int) -> float:
        """Share of those whom hindsight puts in a tier who were given it; NaN if nobody is."""
        return _share(self.confusion[tier][tier], sum(row[tier] for row in self.confusion))


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """Everything a backtest found.

    Attributes
    ----------
    facts
        World, recipe, horizons, fingerprints: what makes two reports comparable.
    counts
        Per origin: customers in the snapshot, eligible, challenged among those (#7), and for
        each target the rows learned from and the challenged rows left out.
    rows, tiers
        Metrics and tiers, each origin and pooled.
    differences
        Mean loss of the served model minus that of each baseline with a 95 % interval:
        ``target, metric, model, mean, low, high``.
    curves
        Points for the plots (``training/evaluation/curves.py``), JSON-able.
    seconds
        Wall-clock time.
    """

    facts: Mapping[str, Any]
    counts: tuple[Mapping[str, Any], ...]
    rows: tuple[MetricRow, ...]
    tiers: tuple[TierRow, ...]
    tier_ids: tuple[str, ...]
    differences: tuple[Mapping[str, Any], ...] = ()
    curves: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins, ascending, without the pooled one."""
        return tuple(str(count["origin"]) for count in self.counts)

    def pooled(self, target: str, *, comparable: bool = False) -> dict[str, MetricRow]:
        """Return the pooled row of each model; ``comparable``: only those over all customers."""
        return {
            row.model: row
            for row in self.rows
            if row.target == target and row.origin == POOLED and (row.whole or not comparable)
        }

    def metric(self, target: str, name: str, model: str = OURS) -> float:
        """Return one pooled metric; NaN if it was not measured."""
        row = self.pooled(target).get(model)
        return math.nan if row is None else row.metrics.get(name, math.nan)

    def best_baseline(self, target: str, name: str) -> tuple[str, float]:
        """Return the best baseline over all customers by one pooled metric; NaN if none."""
        found = [
            (row.model, row.metrics.get(name, math.nan))
            for row in self.pooled(target, comparable=True).values()
            if row.model != OURS
        ]
        known = [(model, value) for model, value in found if not math.isnan(value)]
        if not known:
            return "none", math.nan
        pick = min if name in LOWER_IS_BETTER else max
        return pick(known, key=lambda pair: pair[1])

    def pooled_tiers(self) -> TierRow:
        """Return the tiers of all origins together."""
        return next(row for row in self.tiers if row.origin == POOLED)

    def flat(self) -> dict[str, float]:
        """Return the pooled figures by dotted name, for the registry.

        ``backtest.<target>.<metric>`` for the served model,
        ``backtest.<target>.<model>.<metric>`` for the baselines, ``backtest.tier.<figure>``,
        ``backtest.tiers.<id>.precision`` and ``.recall``. A model that knew nobody has none.
        """
        figures: dict[str, float] = {"backtest.origins": float(len(self.origins))}
        for target in SHOWN:
            for model, row in self.pooled(target).items():
                if row.n == 0:
                    continue
                prefix = f"backtest.{target}." + ("" if model == OURS else f"{model}.")
                figures |= {prefix + name: value for name, value in row.metrics.items()}
                figures[prefix + "n"] = float(row.n)
        pooled = self.pooled_tiers()
        for name in ("accuracy", "within_one", "too_high", "too_low", "majority", "referred"):
            figures[f"backtest.tier.{name}"] = float(getattr(pooled, name))
        for index, tier in enumerate(self.tier_ids):
            figures[f"backtest.tiers.{tier}.precision"] = pooled.precision(index)
            figures[f"backtest.tiers.{tier}.recall"] = pooled.recall(index)
        return figures

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data; what is not a number becomes None."""
        document: dict[str, Any] = _plain(asdict(self))
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> BacktestReport:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            facts=document["facts"],
            counts=tuple(document["counts"]),
            rows=tuple(
                MetricRow(**{**row, "metrics": _numbers(row["metrics"])})
                for row in document["rows"]
            ),
            tiers=tuple(
                TierRow(**{**_numbers(row), "confusion": tuple(map(tuple, row["confusion"]))})
                for row in document["tiers"]
            ),
            tier_ids=tuple(document["tier_ids"]),
            differences=tuple(document["differences"]),
            curves=document["curves"],
            seconds=document["seconds"],
        )


def _mean(name: str, rows: Sequence[MetricRow]) -> float:
    known = [(row.n, row.metrics[name]) for row in rows if not math.isnan(row.metrics[name])]
    size = sum(n for n, _ in known)
    return sum(n * value for n, value in known) / size if size else math.nan


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in row.items()}
