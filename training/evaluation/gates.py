"""The gates between a challenger and promotion: each a figure, a limit and an advice.

A challenger is judged on pooled, out-of-time figures of all backtest origins against limits
that the recipe sets, against the best baseline, against the champion, and on its behaviour
under stress (requirements #63 to #68). Before that: were the baselines there to be compared
with, and does any indicator know the answer? A figure that could not be measured fails its gate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from training.evaluation.leakage import LeakageReport
from training.evaluation.report import LOWER_IS_BETTER, OURS, BacktestReport
from training.evaluation.stress import ScenarioResult, StressReport
from training.evaluation.verdict import GateCheck, GateReport, at_least, at_most
from training.recipe import Gates

__all__ = ["GateCheck", "GateReport", "evaluate"]

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


def evaluate(
    challenger: BacktestReport,
    champion: BacktestReport | None,
    stress: StressReport,
    limits: Gates,
    leakage: LeakageReport | None,
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
    leakage
        What the search for leaky indicators found; None, as for a version of before there was
        one, fails.
    """
    notes = []
    checks = [
        *_baselines_present(challenger, limits),
        *_leakage(leakage, limits),
        *_absolute(challenger, limits),
        *_against_baselines(challenger, limits),
    ]
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


def _baselines_present(report: BacktestReport, limits: Gates) -> Iterator[GateCheck]:
    missing = []
    for required in limits.required_baselines:
        target, _, model = required.partition(".")
        rows = report.pooled(target)
        judged = rows[OURS].n if OURS in rows else 0
        row = rows.get(model)
        if row is None or not row.whole or row.n < judged or not row.n:
            found = "is not in the table" if row is None else f"knew {row.n:,} of {judged:,} rows"
            missing.append((required, found))
    advice = "Without it nobody knows whether the models earn their keep: put it back and train."
    for required, found in missing:
        yield at_least(f"baselines.{required}", 0, 1, f"Baseline {required} {found}. {advice}")
    if not missing:
        told = ", ".join(limits.required_baselines) or "none is required"
        yield at_most("baselines.missing", 0, 0, f"Required baselines: {told}.")


def _leakage(report: LeakageReport | None, limits: Gates) -> Iterator[GateCheck]:
    if report is None:
        yield at_least(
            "leakage.measured",
            0,
            1,
            "Nobody looked for leaky indicators when this version was trained: train again.",
        )
        return
    strange = [(name, "is not in the catalogue") for name in report.unlisted]
    strange += [(name, "bears the name of an outcome") for name in report.outcomes]
    for name, fault in dict(strange).items():
        yield at_most(f"leakage.{name}", 1, 0, f"Indicator {name} {fault}: take it out.")
    for target, limit in (
        ("churn", limits.max_indicator_churn_auc),
        ("ltv", limits.max_indicator_ltv_rank),
    ):
        found = report.of(target)
        leaky = [each for each in found if each.strength > limit]
        for each in leaky:
            whether = "Whether it is known tells" if each.seen == "known" else "It alone tells"
            yield at_most(
                f"leakage.{target}.{each.indicator}",
                each.strength,
                limit,
                f"{whether} the {target} outcome of {each.n:,} rows nearly as well as the answer "
                f"would. Look for what it is computed from: an event after the snapshot, or one "
                "dated back. Take it out and train again.",
            )
        if not leaky:
            first = found[0] if found else None
            yield at_most(
                f"leakage.{target}",
                math.nan if first is None else first.strength,
                limit,
                "Likeness of the outcome to the indicator nearest to it "
                f"({first.indicator if first else 'too few customers to measure'}).",
            )


def _absolute(report: BacktestReport, limits: Gates) -> Iterator[GateCheck]:
    yield at_least(
        "origins",
        len(report.origins),
        limits.min_origins,
        "Backtest origins. Give more history or shorten the steps between origins.",
    )
    yield at_least(
        "churn.auc",
        report.metric("churn", "auc"),
        limits.min_churn_auc,
        "Ranking of churn. Look for indicators that tell leavers earlier.",
    )
    yield at_most(
        "churn.ece",
        report.metric("churn", "ece"),
        limits.max_churn_ece,
        "Calibration error of churn. Calibrate on later labels; look at the reliability plot.",
    )
    yield at_least(
        "ltv.spearman",
        report.metric("ltv", "spearman"),
        limits.min_ltv_spearman,
        "Rank correlation of LTV. Check eligibility and the indicators of spend.",
    )
    yield at_least(
        "ltv.normalised_gini",
        report.metric("ltv", "normalised_gini"),
        limits.min_ltv_normalised_gini,
        "Ranking of LTV by money. Check the largest customers in the decile plot.",
    )
    coverage = report.metric("ltv", "coverage")
    yield at_least(
        "ltv.coverage.min",
        coverage,
        limits.min_interval_coverage,
        "Share of outcomes inside the LTV interval. Intervals are too narrow: recalibrate.",
    )
    yield at_most(
        "ltv.coverage.max",
        coverage,
        limits.max_interval_coverage,
        "Share of outcomes inside the LTV interval. Intervals are too wide to be of use.",
    )
    drift = [float(count["score_psi"]) for count in report.counts]
    yield at_most(
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
        yield at_most(
            f"{target}.{metric}.ratio",
            _ratio(report.metric(target, metric), best),
            limit,
            f"Ratio to the best baseline ({model}: {best:.4g}). While a simple rule is better, "
            "serve the simple rule.",
        )
    for target, metric in (("churn", "auc"), ("ltv", "spearman"), ("ltv", "normalised_gini")):
        model, best = report.best_baseline(target, metric)
        yield at_most(
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
        yield at_most(
            f"{target}.{metric}.behind_champion",
            _regression(metric, challenger.metric(target, metric), former),
            limits.max_metric_regression,
            f"Relative loss against the champion ({former:.4g}). Keep the champion.",
        )


def _under_stress(stress: StressReport, limits: Gates) -> Iterator[GateCheck]:
    for scenario in stress.scenarios:
        if scenario.skipped:
            continue
        yield at_least(
            f"stress.{scenario.id}.unchanged",
            scenario.unchanged_share,
            limits.min_stress_unchanged_share,
            "Share of customers who keep their tier. Tiers hang on too few indicators: widen the "
            "scheme's weights or the windows.",
        )
        yield from _changes(scenario, limits)
        wrong = [check for check in scenario.checks if not check.passed]
        told = "; ".join(check.text for check in wrong) or "all moved the expected way"
        yield at_most(
            f"stress.{scenario.id}.directions",
            float(len(wrong)),
            0.0,
            f"Direction checks that failed ({told}). The model learned a relation that business "
            "sense forbids: look at the explanations of the customers that moved.",
        )


def _changes(scenario: ScenarioResult, limits: Gates) -> Iterator[GateCheck]:
    """Judge ranking and error under stress, where outcomes were at hand to measure them."""
    change = getattr(scenario, "auc_change", None)
    if change is not None:
        yield at_most(
            f"stress.{scenario.id}.auc_loss",
            max(0.0, -change) if not math.isnan(change) else math.nan,
            limits.max_stress_auc_loss,
            "AUC of churn lost under stress. The ranking hangs on what the scenario moves.",
        )
    ratio = getattr(scenario, "mae_ratio", None)
    if ratio is not None:
        yield at_most(
            f"stress.{scenario.id}.mae_ratio",
            ratio,
            limits.max_stress_mae_ratio,
            "Error of LTV under stress against that without. The level hangs on few indicators.",
        )


def _ratio(value: float, best: float) -> float:
    return value / best if best > 0 else math.nan


def _regression(metric: str, value: float, other: float) -> float:
    """Relative loss against another model, 0 when better; NaN if either is unknown."""
    if math.isnan(value) or math.isnan(other) or other == 0:
        return math.nan
    loss = value - other if metric in LOWER_IS_BETTER else other - value
    return max(0.0, loss / abs(other))
