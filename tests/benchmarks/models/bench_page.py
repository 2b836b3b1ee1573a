"""The bench as a Markdown page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tests.benchmarks.models import bench_reading as reading
from tests.benchmarks.models import bench_study_page
from tests.benchmarks.models.bench_cells import NAMES, number_of, percent, table
from tests.benchmarks.models.bench_reading import JUDGED, OURS, Comparison, Difference, Result

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "churn": ("auc", "pr_auc", "log_loss", "brier", "ece", "precision_top_decile"),
    "ltv": ("mae", "rmse", "spearman", "normalised_gini", "decile_mape", "top_decile_share"),
}
_TARGETS = {"churn": "churn", "ltv": "LTV"}

_HEAD = """# Models against baselines

`make bench-models` writes this page, its figure and `models.json` from the data named below. It
takes what it finds: a data set that is not on the machine is left out and named at the end.

## How to read it

A model stands at past days (origins), learns from what was known by then, and predicts the same
eligible customers as every baseline. Figures are over all origins together; AUC, PR-AUC and
precision are means over the origins. A figure in brackets is a 95 % interval from a paired
bootstrap over customers (one customer at several origins is one observation). **Yes** means that
ours is better than that baseline on that metric, with the difference ours minus baseline; where
the interval holds 0, the sign may be chance, and the cell says *unsure*. A model with fewer rows
than ours knows only some of the customers and is shown, but not compared.

The baselines every practitioner would try first are: the run-rate (`run_rate`), the same period
last year (`last_year`), a recency rule (`recency`), MBG/NBD with Gamma-Gamma (`purchase_model`), a
logistic regression (`logistic`) and a plain LightGBM (`plain_lightgbm`). Three more stand beside
them of our own accord: the share of churners (`base_rate`), the window as long as the horizon
(`same_length`) and a LightGBM on the logarithm of the amount (`log_lightgbm`). The last predicts
medians, which a mean absolute error rewards and a total does not.

![Ours against the best baseline](models.svg)
"""

_FLAML = """## FLAML at equal time

FLAML searches LightGBM, random forests, extra trees and logistic regression on its own. At each
origin it is given the same rows and indicators, and **for each target and loss** as many seconds
by the clock as the whole fit of ours took there (both targets, the other horizons, intervals). Its
search may overrun that by the last fit, which is given to it. `experiments/2026-11-flaml` has the
method and is run on its own: FLAML is no dependency.
"""
_SECONDS = ("wall_seconds", "processor_seconds")


def page(results: Mapping[str, Any]) -> str:
    """Return the whole page."""
    cases = results["cases"]
    parts = [_HEAD, _versions(), _summary(cases), *(_case(case) for case in cases)]
    if results["truth"]:
        parts.append(_truth(results["truth"]))
    if results["study"]:
        parts.append(bench_study_page.section(results["study"]))
    parts += [_flaml(results["flaml"]), _skipped(results["skipped"])]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _versions() -> str:
    packages = ("numpy", "scipy", "lightgbm", "scikit-learn")
    return f"Made with {', '.join(f'{name} {version(name)}' for name in packages)}."


def _summary(cases: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for case in cases:
        for comparison in reading.comparisons(case["report"]):
            by_metric = []
            for metric in JUDGED[comparison.target]:
                mine = [d for d in comparison.differences if d.metric == metric]
                won = sum(d.better for d in mine)
                mark = "**" if mine and won == len(mine) else ""
                by_metric.append(f"{NAMES[metric]} {mark}{won} of {len(mine)}{mark}")
            ece = comparison.ours.metrics.get("ece")
            rows.append(
                [
                    _name(case),
                    f"{_TARGETS[comparison.target]}, {comparison.horizon_days} days",
                    f"{len(reading.origins(case['report']))}",
                    f"{comparison.ours.n:,}",
                    "; ".join(by_metric),
                    "" if ece is None else f"{ece:.3f}",
                ]
            )
    header = ["Data", "Target", "Origins", "n", "Baselines beaten", "ECE"]
    return "## Summary\n\n" + table(header, rows)


def _case(case: Mapping[str, Any]) -> str:
    report = case["report"]
    facts, days = report["facts"], reading.origins(report)
    rule = facts.get("eligibility", {})
    lines = [
        f"## {_name(case)}\n",
        f"Recipe `{case['recipe']}` as `{case['id']}` (SHA-256 {case['recipe_sha256'][:12]}). "
        f"{len(days)} origins from {days[0]} to {days[-1]}. Eligible: bought within "
        f"{rule.get('active_within_days', '?')} days, known for "
        f"{rule.get('min_tenure_days', '?')} days or more.{_measured(case)}\n",
    ]
    for comparison in reading.comparisons(report):
        lines.append(f"### {_title(comparison, facts)}\n")
        lines.append(_results(comparison))
        lines.append(_matrix(comparison))
        inside = reading.coverage(comparison, report)
        if inside:
            told = ", ".join(f"{level}: {100 * share:.1f} %" for level, share in inside.items())
            lines.append(f"Outcomes inside the served interval, by nominal level: {told}.\n")
    lines.append(_tiers(report))
    return "\n".join(lines)


def _measured(case: Mapping[str, Any]) -> str:
    day = case.get("measured_on")
    return f" Measured on {day}." if day else ""


def _title(comparison: Comparison, facts: Mapping[str, Any]) -> str:
    if comparison.target == "churn":
        return f"Churn: no purchase in {comparison.horizon_days} days"
    return f"LTV: value in {comparison.horizon_days} days, {facts.get('currency', '')}".rstrip(", ")


def _results(comparison: Comparison) -> str:
    shown = [m for m in _SHOWN[comparison.target] if m in comparison.ours.metrics]
    header = ["Model", "n", *(NAMES[metric] for metric in shown)]
    rows = [
        [
            f"**{r.model}**" if r.model == OURS else r.model,
            f"{r.n:,}" + ("" if r.whole else " (not all)"),
            *(_figure(r, metric) for metric in shown),
        ]
        for r in comparison.results
    ]
    return table(header, rows)


def _matrix(comparison: Comparison) -> str:
    metrics = JUDGED[comparison.target]
    cells = {(d.model, d.metric): _verdict(d) for d in comparison.differences}
    rows = [
        [r.model, *(cells.get((r.model, metric), "") for metric in metrics)]
        for r in comparison.baselines
    ]
    return table(["Ours better than", *(NAMES[metric] for metric in metrics)], rows)


def _verdict(difference: Difference) -> str:
    word = "**yes**" if difference.better else "no"
    if difference.interval is None:
        return f"{word}, {number_of(difference.metric, difference.mean, sign=True)}"
    low, high = (number_of(difference.metric, end, sign=True) for end in difference.interval)
    unsure = "" if difference.sure else ", unsure"
    mean = number_of(difference.metric, difference.mean, sign=True)
    return f"{word}{unsure}, {mean} ({low} to {high})"


def _tiers(report: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            f"{row['n']:,}",
            *(percent(row.get(key)) for key in ("accuracy", "within_one", "too_high", "too_low")),
            *(percent(row.get(key)) for key in ("majority", "referred", "auto_accuracy")),
        ]
        for name, row in reading.tiers(report).items()
    ]
    header = ["Right tier by", "n", "accuracy", "within one tier", "too high", "too low"]
    header += ["always the commonest", "referred", "accuracy of the others"]
    text = "### Tiers\n\n" + table(header, rows)
    turned = reading.stability(report).get("reversal_rate")
    if turned is not None:
        text += f"\nTier changes that were taken back at the next origin: {100 * turned:.1f} %.\n"
    return text


def _truth(found: Mapping[str, Any]) -> str:
    head = "## Simulated company against its truth\n\n**Simulated.** "
    if "skipped" in found:
        return f"{head}Skipped: {found['skipped']}.\n"
    rows = [
        ["churn: calibration error against the true probability of no order",
         f"{found['churn_calibration_error']:.4f}"],
        ["churn: the same against what happened",
         f"{found['churn_calibration_error_outcomes']:.4f}"],
        ["churn: correlation with the true probability",
         f"{found['churn_correlation_with_true_silence']:.3f}"],
        ["churn: AUC, and that of the truth itself",
         f"{found['auc']:.3f}, {found['auc_of_the_truth']:.3f}"],
        ["churn: rank correlation with the planted hazard to leave for good, accounts still there",
         f"{found['leave_rank_correlation']:.3f}"],
        ["LTV: correlation with the true expected value", f"{found['ltv_correlation']:.3f}"],
        ["LTV: the same in logarithms", f"{found['ltv_log_correlation']:.3f}"],
        ["LTV: rank correlation with the true expected value",
         f"{found['ltv_rank_correlation']:.3f}"],
        ["what came: rank correlation with the true expected value",
         f"{found['rank_correlation_of_outcomes_with_truth']:.3f}"],
        ["LTV: predicted total over true expected total", f"{found['ltv_total_to_true']:.3f}"],
    ]  # fmt: skip
    return (
        f"{head}Only here the truth is known: each account's chance of no order in "
        f"{found['churn_horizon_days']} days and its expected net amount in "
        f"{found['ltv_horizon_days']} days. Both know the day on which the account will leave, "
        "which no model can; leaving for good follows a planted hazard. "
        f"{found['origins']} origins, n = {found['n']:,}.\n\n" + table(["What", "Figure"], rows)
    )


def _flaml(found: Mapping[str, Any] | None) -> str:
    if found is None or "skipped" in found:
        told = "it was not asked for." if found is None else found["skipped"]
        return f"## FLAML at equal time\n\nNot run: {told}\n"
    return "\n".join([_FLAML, *(_competed(case) for case in found["cases"])])


def _competed(case: Mapping[str, Any]) -> str:
    report = case["report"]
    spent = {name: [count[name] for count in report["counts"]] for name in _SECONDS}
    days = reading.origins(report)
    models = report["counts"][0]["processor_seconds"]
    wall, cpu = (
        ", ".join(f"{m} {sum(each[m] for each in spent[name]):.0f}" for m in models)
        for name in _SECONDS
    )
    packages = ", ".join(f"{name} {number}" for name, number in case["packages"].items())
    drawn = report["facts"].get("customers")
    some = f"**{drawn:,} customers, drawn evenly, for both sides.** " if drawn else ""
    lines = [
        f"### {_name(case)}: measured on {case['measured_on']}\n",
        f"{some}{len(days)} origin{'s' if len(days) > 1 else ''} from {days[0]} to {days[-1]}, "
        f"{report['facts']['threads']} thread "
        f"each. Seconds by the clock over all origins: {wall}. Of the processor: {cpu}. "
        f"Made with {packages}.\n",
    ]
    for comparison in reading.comparisons(report):
        lines.append(f"**{_title(comparison, report['facts'])}**\n")
        lines.append(_results(comparison))
        lines.append(_matrix(comparison))
    return "\n".join(lines)


def _skipped(found: Mapping[str, str]) -> str:
    lines = [f"- `{name}`: {reason}." for name, reason in found.items()]
    return "## Left out\n\n" + ("\n".join(lines) or "Nothing.") + "\n"


def _name(case: Mapping[str, Any]) -> str:
    return case["id"] + (" (simulated)" if case["simulated"] else "")


def _figure(result: Result, metric: str) -> str:
    text = number_of(metric, result.metrics.get(metric))
    interval = result.intervals.get(metric)
    if interval is None or not text:
        return text
    return f"{text} ({number_of(metric, interval[0])} to {number_of(metric, interval[1])})"
