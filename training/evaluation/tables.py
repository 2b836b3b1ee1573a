"""A report as tables: rows of text, and their rendering in Markdown and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from training.evaluation.report import (
    LOWER_IS_BETTER,
    OURS,
    POOLED,
    SHOWN,
    BacktestReport,
    MetricRow,
)

SHORT: Mapping[str, str] = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "precision_top_decile": "top 10 %",
    "mae": "MAE",
    "rmse": "RMSE",
    "normalised_gini": "nGini",
    "spearman": "rank r",
    "decile_mape": "MAPE10",
    "top_decile_share": "top 10 %",
    "coverage": "inside",
}
"""Column heads that let a table fit a terminal of 80 characters."""


def metric_table(report: BacktestReport, target: str, origin: str = POOLED) -> list[list[str]]:
    """Return a table of the models side by side, header first.

    The best value has a star; a dagger marks a model that knows only some of the customers.
    """
    names = SHOWN[target]
    rows = [
        row for row in report.rows if (row.target, row.origin) == (target, origin) and row.n > 0
    ]
    best = {name: _best(rows, name) for name in names}
    extra = ["coverage"] if any("coverage" in row.metrics for row in rows) else []
    table = [["model", "n", *(SHORT[name] for name in (*names, *extra))]]
    for row in rows:
        cells = [
            _cell(row.metrics.get(name, math.nan)) + ("*" if row.model in best[name] else "")
            for name in names
        ]
        cells += [_cell(row.metrics.get(name, math.nan)) for name in extra]
        table.append([row.model if row.whole else f"{row.model} †", f"{row.n:,}", *cells])
    return table


def tier_table(report: BacktestReport) -> list[list[str]]:
    """Return tier accuracy by origin, header first."""
    header = ["origin", "n", "accuracy", "within one", "too high", "too low", "majority"]
    body = [
        [
            row.origin,
            f"{row.n:,}",
            *(f"{x:.1%}" for x in (row.accuracy, row.within_one, row.too_high, row.too_low)),
            f"{row.majority:.1%}",
        ]
        for row in report.tiers
    ]
    return [header, *body]


def tier_quality_table(
    report: BacktestReport,
    labels: Sequence[str],
    header: Sequence[str] = ("tier", "given", "in hindsight", "precision", "recall"),
) -> list[list[str]]:
    """Return precision and recall of each tier over all origins, header first.

    Parameters
    ----------
    labels
        ``(t,)`` names of the tiers, best first.
    """
    pooled = report.pooled_tiers()
    body = [
        [
            label,
            f"{sum(pooled.confusion[tier]):,}",
            f"{sum(row[tier] for row in pooled.confusion):,}",
            _percent(pooled.precision(tier)),
            _percent(pooled.recall(tier)),
        ]
        for tier, label in enumerate(labels)
    ]
    return [list(header), *body]


def coverage_table(report: BacktestReport, header: Sequence[str]) -> list[list[str]]:
    """Return the share of outcomes inside the interval by origin and pooled, header first."""
    body = [
        [row.origin, f"{row.n:,}", _percent(row.metrics.get("coverage", math.nan))]
        for row in report.rows
        if (row.target, row.model) == ("ltv", OURS)
    ]
    return [list(header), *body]


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown; the first column is text, the others are numbers."""
    header, *body = table
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *body))


def rich_table(table: Sequence[Sequence[str]], title: str) -> Table:
    """Return a table for the terminal."""
    header, *body = table
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    shown.collapse_padding, shown.pad_edge = True, False
    for index, name in enumerate(header):
        shown.add_column(name, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in body:
        shown.add_row(*row)
    return shown


def _best(rows: Sequence[MetricRow], name: str) -> set[str]:
    known = {
        row.model: row.metrics[name]
        for row in rows
        if row.whole and not math.isnan(row.metrics.get(name, math.nan))
    }
    if not known:
        return set()
    top = (min if name in LOWER_IS_BETTER else max)(known.values())
    return {model for model, value in known.items() if value == top}


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _cell(value: float) -> str:
    if math.isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}"
    return f"{value:.3f}"
