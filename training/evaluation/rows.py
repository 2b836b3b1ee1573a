"""Rows of a backtest report: metrics by target, horizon, model and origin; tiers; slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

OURS = "tierwise"
"""Name of the served model among the models of a report."""

POOLED = "pooled"
"""Name of the origin that stands for all origins together."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    "churn": ("auc", "pr_auc", "brier", "log_loss", "ece", "precision_top_decile"),
    "ltv": ("mae", "rmse", "normalised_gini", "spearman", "decile_mape", "top_decile_share"),
}
"""Metrics of each target that fit a table for people; the report has more."""

COMPARED: Mapping[str, tuple[str, ...]] = {
    "churn": ("auc", "log_loss", "brier"),
    "ltv": ("mae", "rmse", "normalised_gini", "spearman"),
}
"""Metrics whose difference to every baseline gets an interval."""

MEDIANS = frozenset({"log_lightgbm"})
"""Baselines that predict something like a median: nearest to most customers by absolute error,
and far below what they spend in all (two thirds below on Online Retail II). They stand in every
table, but no gate asks an expectation to beat them."""

LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece", "mae", "rmse", "decile_mape"})
"""Metrics of which less is better."""

WITHIN_ORIGIN = (
    "auc",
    "pr_auc",
    "precision_top_decile",
    "precision_top_twentieth",
    "lift_top_decile",
)
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
        Whether these are all eligible customers whose outcome is known; a model that knows
        only some of them is not compared with the others.
    metrics
        Value by metric name; NaN where undefined (one class only, for instance). Pooled, the
        figures of churn ranking are means over the origins (:meth:`ranked_within`).
    horizon_days
        Days after the origin that the target covers.
    intervals
        95 % interval by metric name, ``(low, high)``; pooled rows only.
    """

    target: str
    model: str
    origin: str
    n: int
    whole: bool
    metrics: Mapping[str, float]
    horizon_days: int = 0
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        """What is one series over the origins: target, horizon and model."""
        return self.target, self.horizon_days, self.model

    def ranked_within(self, rows: Sequence[MetricRow]) -> MetricRow:
        """Return this pooled row with size-weighted means over origins of its ranking figures.

        Parameters
        ----------
        rows
            Rows of single origins, of any model and target; the own are picked out. An origin
            where a figure is undefined (one class only) has no weight in it.
        """
        mine = [row for row in rows if row.key == self.key]
        means = {name: _mean(name, mine) for name in WITHIN_ORIGIN if name in self.metrics}
        return replace(self, metrics={**self.metrics, **means})


@dataclass(frozen=True, slots=True)
class TierRow:
    """How the tiers given at an origin compare with those that customers should have had.

    There are two definitions of the right tier, each with rows of its own in the report.
    Hindsight (``tiers``): the same scheme and indicators, with the realised net value and churn
    in place of the predictions, ranked among the realised values of all (#63). Value
    (``value_tiers``): customers ranked by realised net value alone and cut so that every tier
    holds as many of them as the scheme gave it; equal values share the lower tier.

    Attributes
    ----------
    origin
        ISO day, or :data:`POOLED`.
    n
        Customers.
    accuracy, within_one
        Shares with the same tier, and at most one tier apart.
    too_high, too_low
        Shares graded better, and worse, than they should have been.
    majority
        Share of the commonest right tier: the accuracy of always naming it.
    referred
        Share sent to the panel; ``auto_accuracy`` is over the others.
    strict_accuracy
        Accuracy if outcomes are ranked among predictions, as the served reference does; NaN in
        ``value_tiers``, where nothing is ranked among predictions.
    confusion
        ``(t, t)`` counts, row: tier given, column: right tier, best tier first.
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
class SliceRow:
    """Figures of the served model on a part of all customers, over all origins (#66).

    Attributes
    ----------
    by
        What customers are parted by: ``tenure``, ``size`` or ``industry``.
    part
        Name of the part, in the order of the parts.
    target
        ``churn``, ``ltv`` or ``tier``.
    horizon_days
        Horizon of the target; 0 for tiers.
    n
        Customer-origins.
    metrics
        Value by metric name; NaN where undefined.
    intervals
        95 % interval of the bias, ``(low, high)``.
    """

    by: str
    part: str
    target: str
    horizon_days: int
    n: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def _mean(name: str, rows: Sequence[MetricRow]) -> float:
    known = [(row.n, row.metrics[name]) for row in rows if not math.isnan(row.metrics[name])]
    size = sum(n for n, _ in known)
    return sum(n * value for n, value in known) / size if size else math.nan


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
