"""The gates between a challenger and promotion: each a figure, a limit and an advice.

A challenger is judged on pooled, out-of-time figures of all backtest origins against limits
that the recipe sets, against the best baseline, against the champion, and on its behaviour
under stress (requirements #63 to #68). A figure that could not be measured fails its gate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.evaluation.report import LOWER_IS_BETTER, BacktestReport
from training.evaluation.stress import StressReport
from training.recipe import Gates

COMPARABLE = (
    "world",
    "sources",
    "churn_horizon_days",
    "ltv_horizon_days",
    "eligibility",
    "origins",
)
"""Facts in which two backtests must agree for their figures to be compared."""

CHAMPION_METRICS = (
    ("churn", "auc"),
    ("churn", "brier"),
    ("ltv", "mae"),
    ("ltv", "rmse"),
    ("ltv", "normalised_gini"),
    ("ltv", "spearman"),
)
"""Figures in which a challenger may not fall behind the champion."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One gate.

    Attributes
    ----------
    name
        Dotted, for instance ``churn.ece`` or ``stress.demand_minus_30.unchanged``.
    passed
        Whether ``value`` keeps ``limit``.
    value
        What was measured; NaN fails.
    limit
        What is allowed.
    relation
        ``<=`` or ``>=``: how the value must stand to the limit.
    message
        What the figure is, and what to do if it fails.
    """

    name: str
    passed: bool
    value: float
    limit: float
    relation: str
    message: str

    def summary(self) -> str:
        """Return name, value and limit in a few words."""
        return f"{self.name} = {self.value:.4g}, must be {self.relation} {self.limit:.4g}"


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates of one judgement, and what could not be judged."""

    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate passed; a report without checks does not."""
        return bool(self.checks) and not self.failed

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The gates that failed."""
        return tuple(check for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data; a NaN becomes None."""
        document = asdict(self) | {"passed": self.passed}
        for check in document["checks"]:
            check["value"] = None if math.isnan(check["value"]) else check["value"]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> GateReport:
        """Read what :meth:`to_dict` wrote."""
        checks = (
            GateCheck(**{**check, "value": math.nan if check["value"] is None else check["value"]})
            for check in document["checks"]
        )
        return cls(tuple(checks), tuple(document["notes"]))


def evaluate(
    challenger: BacktestReport,
    champion: BacktestReport | None,
    stress: StressReport,
    limits: Gates,
) -> GateReport:
    """Judge a challenger.

    Parameters
    ----------
    challenger
        Its backtest.
    champion
        The present champion's backtest; None if there is no champion.
    stress
        The challenger under stress.
    limits
        Section ``[gates]`` of the recipe.
    """
    notes = []
    checks = [*_absolute(challenger, limits), *_against_baselines(challenger, limits)]
    if champion is None:
        notes.append("There is no champion: judged against the baselines only.")
    else:
        differing = [
            fact for fact in COMPARABLE if challenger.facts.get(fact) != champion.facts.get(fact)
        ]
        if differing:
            notes.append(
                f"The champion's backtest differs in {', '.join(differing)}: its figures are not "
                "comparable, judged against the baselines only."
            )
        else:
            checks += _against_champion(challenger, champion, limits)
    checks += _under_stress(stress, limits)
    notes += [f"Scenario {s.id} was skipped: {s.skipped}" for s in stress.scenarios if s.skipped]
    return GateReport(tuple(checks), tuple(notes))


def _absolute(report: BacktestReport, limits: Gates) -> Iterator[GateCheck]:
    yield _at_least(
        "origins",
        len(report.origins),
        limits.min_origins,
        "Backtest origins. Give more history or shorten the steps between origins.",
    )
    yield _at_least(
        "churn.auc",
        report.metric("churn", "auc"),
        limits.min_churn_auc,
        "Ranking of churn. Look for indicators that tell leavers earlier.",
    )
    yield _at_most(
        "churn.ece",
        report.metric("churn", "ece"),
        limits.max_churn_ece,
        "Calibration error of churn. Calibrate on later labels; look at the reliability plot.",
    )
    yield _at_least(
        "ltv.spearman",
        report.metric("ltv", "spearman"),
        limits.min_ltv_spearman,
        "Rank correlation of LTV. Check eligibility and the indicators of spend.",
    )
    yield _at_least(
        "ltv.normalised_gini",
        report.metric("ltv", "normalised_gini"),
        limits.min_ltv_normalised_gini,
        "Ranking of LTV by money. Check the largest customers in the decile plot.",
    )
    coverage = report.metric("ltv", "coverage")
    yield _at_least(
        "ltv.coverage.min",
        coverage,
        limits.min_interval_coverage,
        "Share of outcomes inside the LTV interval. Intervals are too narrow: recalibrate.",
    )
    yield _at_most(
        "ltv.coverage.max",
        coverage,
        limits.max_interval_coverage,
        "Share of outcomes inside the LTV interval. Intervals are too wide to be of use.",
    )
    drift = [float(count["score_psi"]) for count in report.counts]
    yield _at_most(
        "score.psi",
        max(drift, default=math.nan),
        limits.max_score_psi,
        "Largest shift of the score distribution from calibration day to origin. Look for the "
        "indicator that moved; seasonality needs a full year of training days.",
    )


def _against_baselines(report: BacktestReport, limits: Gates) -> Iterator[GateCheck]:
    ratios = (
        ("churn", "brier", limits.max_churn_brier_ratio),
        ("ltv", "mae", limits.max_ltv_mae_ratio),
        ("ltv", "rmse", limits.max_ltv_rmse_ratio),
    )
    for target, metric, limit in ratios:
        model, best = report.best_baseline(target, metric)
        yield _at_most(
            f"{target}.{metric}.ratio",
            _ratio(report.metric(target, metric), best),
            limit,
            f"Ratio to the best baseline ({model}: {best:.4g}). While a simple rule is better, "
            "serve the simple rule.",
        )
    for target, metric in (("churn", "auc"), ("ltv", "spearman"), ("ltv", "normalised_gini")):
        model, best = report.best_baseline(target, metric)
        yield _at_most(
            f"{target}.{metric}.behind_baseline",
            _regression(metric, report.metric(target, metric), best),
            limits.max_metric_regression,
            f"Relative loss against the best baseline ({model}: {best:.4g}). While a simple rule "
            "ranks better, serve the simple rule.",
        )


def _against_champion(
    challenger: BacktestReport, champion: BacktestReport, limits: Gates
) -> Iterator[GateCheck]:
    for target, metric in CHAMPION_METRICS:
        former = champion.metric(target, metric)
        yield _at_most(
            f"{target}.{metric}.behind_champion",
            _regression(metric, challenger.metric(target, metric), former),
            limits.max_metric_regression,
            f"Relative loss against the champion ({former:.4g}). Keep the champion.",
        )


def _under_stress(stress: StressReport, limits: Gates) -> Iterator[GateCheck]:
    for scenario in stress.scenarios:
        if scenario.skipped:
            continue
        yield _at_least(
            f"stress.{scenario.id}.unchanged",
            scenario.unchanged_share,
            limits.min_stress_unchanged_share,
            "Share of customers who keep their tier. Tiers hang on too few indicators: widen the "
            "scheme's weights or the windows.",
        )
        wrong = [check for check in scenario.checks if not check.passed]
        told = "; ".join(check.text for check in wrong) or "all moved the expected way"
        yield _at_most(
            f"stress.{scenario.id}.directions",
            float(len(wrong)),
            0.0,
            f"Direction checks that failed ({told}). The model learned a relation that business "
            "sense forbids: look at the explanations of the customers that moved.",
        )


def _ratio(value: float, best: float) -> float:
    return value / best if best > 0 else math.nan


def _regression(metric: str, value: float, other: float) -> float:
    """Relative loss against another model, 0 when better; NaN if either is unknown."""
    if math.isnan(value) or math.isnan(other) or other == 0:
        return math.nan
    loss = value - other if metric in LOWER_IS_BETTER else other - value
    return max(0.0, loss / abs(other))


def _at_most(name: str, value: float, limit: float, message: str) -> GateCheck:
    return GateCheck(name, bool(value <= limit), float(value), float(limit), "<=", message)


def _at_least(name: str, value: float, limit: float, message: str) -> GateCheck:
    return GateCheck(name, bool(value >= limit), float(value), float(limit), ">=", message)
