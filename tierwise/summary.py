"""The demo's closing page: what was measured, what was decided, where it lies, what to try."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tierwise.road import Journey
from tierwise.workspace import Workspace
from training.evaluation.report import LOWER_IS_BETTER, OURS, BacktestReport
from training.evaluation.tables import rich_table

HEADINGS: Mapping[str, Mapping[str, str]] = {
    "churn": {"auc": "AUC", "brier": "Brier", "log_loss": "log loss", "ece": "ECE"},
    "ltv": {"mae": "MAE", "rmse": "RMSE", "normalised_gini": "nGini", "spearman": "Spearman"},
}
"""Metrics told at the end of the demo, by target; all others are in the model card."""


def show(console: Console, journey: Journey, workspace: Workspace) -> None:
    """Print the summary of a run."""
    info = journey.sources.info
    kind = "simulated" if info.simulated else "real"
    console.rule(f"{workspace.world} ({kind} data)")
    console.print(
        f"Orders from {info.first_day} to {info.last_day}, {info.currency}; rows: "
        + ", ".join(f"{name} {count:,}" for name, count in info.rows.items())
        + f"; refused to quarantine: {sum(sum(r.values()) for r in info.quarantined.values()):,}.",
        highlight=False,
    )
    _show_backtest(console, journey.backtest)
    _show_stress(console, journey)
    _show_tiers(console, journey)
    _show_versions(console, journey)
    _show_files(console, workspace)
    _show_next(console, journey, workspace)


def _show_backtest(console: Console, report: BacktestReport) -> None:
    facts = report.facts
    pooled = f"{len(report.origins)} origins pooled ({', '.join(report.origins)})"
    eligible = sum(int(count["eligible"]) for count in report.counts)
    console.print(
        f"Backtest over {pooled}; {eligible:,} eligible customer-origins.", highlight=False
    )
    for target, title in (
        ("churn", f"Churn within {facts['churn_horizon_days']} days"),
        ("ltv", f"LTV: net value within {facts['ltv_horizon_days']} days"),
    ):
        console.print(_beside_baselines(report, target, title))
    tiers = report.pooled_tiers()
    console.print(
        f"Tiers against hindsight: {tiers.accuracy:.1%} the same (majority tier "
        f"{tiers.majority:.1%}), {tiers.within_one:.1%} within one; "
        f"too high {tiers.too_high:.1%}, too low {tiers.too_low:.1%}.",
        highlight=False,
    )


def _beside_baselines(report: BacktestReport, target: str, title: str) -> Table:
    headings = HEADINGS[target]
    rows = report.pooled(target)
    best = {
        name: report.best_baseline(target, name)[1] if len(rows) > 1 else math.nan
        for name in headings
    }
    table = Table(title=title, title_justify="left")
    table.add_column("model", no_wrap=True)
    for heading in ("n", *headings.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for model, row in rows.items():
        if not row.n:
            continue
        cells = []
        for name in headings:
            value = row.metrics.get(name, math.nan)
            ours, rival = report.metric(target, name), best[name]
            top = min(ours, rival) if name in LOWER_IS_BETTER else max(ours, rival)
            text = "–" if math.isnan(value) else f"{value:,.{0 if abs(value) >= 1000 else 3}f}"
            cells.append(f"[bold]{text}[/bold]" if row.whole and value == top else text)
        name = model if row.whole else f"{model} (where known)"
        table.add_row(name, f"{row.n:,}", *cells, style="green" if model == OURS else None)
    return table


def _show_stress(console: Console, journey: Journey) -> None:
    rows = [["scenario", "keep their tier", "mean score change", "PSI"]]
    for result in journey.stress.scenarios:
        rows.append(
            [result.title_en, f"skipped: {result.skipped}", "–", "–"]
            if result.skipped
            else [
                result.title_en,
                f"{result.unchanged_share:.1%}",
                f"{result.mean_change:+.2f}",
                f"{result.psi:.3f}",
            ]
        )
    console.print(rich_table(rows, "Stress: events changed, indicators rebuilt, regraded"))


def _show_tiers(console: Console, journey: Journey) -> None:
    run = journey.batch.run
    total_ltv = sum(s.ltv for s in run.tiers) or 1.0
    total_net = sum(s.net_amount_365d for s in run.tiers) or 1.0
    table = Table(
        title=f"{run.customers:,} customers graded as of {run.basis.as_of}", title_justify="left"
    )
    table.add_column("tier", no_wrap=True)
    for heading in ("count", "share", "spend", "LTV", "review"):
        table.add_column(heading, justify="right")
    for summary in run.tiers:
        table.add_row(
            f"{summary.tier.label_zh} {summary.tier.label_en}",
            f"{summary.customers:,}",
            f"{summary.customers / run.customers:.1%}",
            f"{summary.net_amount_365d / total_net:.1%}",
            f"{summary.ltv / total_ltv:.1%}",
            f"{summary.referred:,}",
        )
    console.print(table)
    console.print(
        f"Referred to the expert panel: {run.referred:,} of {run.customers:,} "
        f"({run.referred / run.customers:.1%}).",
        highlight=False,
    )


def _show_versions(console: Console, journey: Journey) -> None:
    rows: list[Sequence[str]] = [["version", "alias", "gates", "registered (UTC)"]]
    rows += [
        [
            str(each.version),
            ", ".join(each.aliases),
            each.tags.get("gates", ""),
            f"{each.created_at:%Y-%m-%d %H:%M}",
        ]
        for each in journey.versions
    ]
    console.print(rich_table(rows, f"Registry: {journey.champion.model}"))
    if journey.trained is None and journey.refused is None:
        console.print(
            "Nothing was trained: the champion stands for the same data, recipe, scheme and code "
            "(--again trains anyway).",
            highlight=False,
        )
    if journey.refused is not None:
        console.print(f"The new version was not promoted: {journey.refused}", highlight=False)


def _show_files(console: Console, workspace: Workspace) -> None:
    console.print("Files written", style="bold")
    registry = [(workspace.home / "mlflow.db", "the registry of all worlds")]
    for path, what in (
        (workspace.sources, "accepted rows and quarantine, with reasons"),
        (workspace.published, "indicators and outcomes by snapshot day, with manifest"),
        (workspace.reports, "model card, backtest, stress test, data quality"),
        (workspace.settings.bundle, "the champion's bundle: model, scheme and reference as text"),
        (workspace.folder / "tierwise.db", "grades, explanations, reviews, audit"),
        *(() if workspace.registry else registry),
    ):
        console.print(f"  {path}  {what}", highlight=False, soft_wrap=True)


def _show_next(console: Console, journey: Journey, workspace: Workspace) -> None:
    home = "" if str(workspace.home) == "var" else f" --home {workspace.home}"
    console.print("Try next", style="bold")
    compare = f".venv/bin/mlflow ui --backend-store-uri sqlite:///{workspace.home / 'mlflow.db'}"
    for line in (
        f".venv/bin/tierwise serve {workspace.world}{home}    the API and the pages, on port 8000",
        f"open {workspace.reports / 'model_card.html'}    what an auditor reads",
        *(() if workspace.registry else [f"{compare}    compare versions"]),
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in journey.seconds.items())
    console.print(f"Time: {spent}.", highlight=False)
