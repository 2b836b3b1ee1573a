"""A report as tables: rows of text, and their rendering in Markdown and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from training.evaluation.report import (
    COMPARED,
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
    "precision_top_decile": "top10%",
    "mae": "MAE",
    "rmse": "RMSE",
    "normalised_gini": "nGini",
    "spearman": "rank r",
    "decile_mape": "MAPE10",
    "top_decile_share": "top10%",
    "coverage": "inside",
    "precision_top_twentieth": "top5%",
    "lift_top_decile": "lift10%",
    "top_quintile_share": "top20%",
    "top_decile_lift": "lift10%",
    "bias": "bias",
}
"""Column heads that let a table fit a terminal of 80 characters."""


def metric_table(
    report: BacktestReport,
    target: str,
    origin: str = POOLED,
    *,
    horizon_days: int | None = None,
    names: Sequence[str] | None = None,
) -> list[list[str]]:
    """Return a table of the models side by side, header first.

    The best value has a star; a dagger marks a model that knows only some of the customers.

    Parameters
    ----------
    horizon_days
        Horizon of the target; the main one by default.
    names
        Metrics to show; those of ``SHOWN`` by default.
    """
    names = SHOWN[target] if names is None else names
    days = _main(report, target) if horizon_days is None else horizon_days
    rows = [
        row
        for row in report.rows
        if (row.target, row.horizon_days, row.origin) == (target, days, origin) and row.n > 0
    ]
    best = {name: _best(rows, name) for name in names}
    extra = ["coverage"] if any("coverage" in row.metrics for row in rows) else []
    table = [["model", "n", *(SHORT.get(name, name) for name in (*names, *extra))]]
    for row in rows:
        cells = [
            _cell(row.metrics.get(name, math.nan)) + ("*" if row.model in best[name] else "")
            for name in names
        ]
        cells += [_cell(row.metrics.get(name, math.nan)) for name in extra]
        table.append([row.model if row.whole else f"{row.model} †", f"{row.n:,}", *cells])
    return table


def tier_table(report: BacktestReport, *, by_value: bool = False) -> list[list[str]]:
    """Return tier accuracy by origin, header first.

    Parameters
    ----------
    by_value
        Against the tiers by realised net value alone, not those of hindsight.
    """
    header = ["origin", "n", "accuracy", "within one", "too high", "too low", "majority"]
    body = [
        [
            row.origin,
            f"{row.n:,}",
            *(f"{x:.1%}" for x in (row.accuracy, row.within_one, row.too_high, row.too_low)),
            f"{row.majority:.1%}",
        ]
        for row in (report.value_tiers if by_value else report.tiers)
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
        if row.key == ("ltv", _main(report, "ltv"), OURS)
    ]
    return [list(header), *body]


def difference_table(report: BacktestReport, target: str) -> list[list[str]]:
    """Return what the served model is ahead or behind of each baseline, header first.

    A star says that the whole interval is on the better side, an ``x`` that it is on the worse.
    """
    rows: list[list[str]] = []
    names = list(COMPARED[target])
    cells: dict[tuple[int, str], dict[str, str]] = {}
    for each in report.differences:
        if each["target"] == target:
            sign = -1.0 if each["metric"] in LOWER_IS_BETTER else 1.0
            low, high = sorted((sign * each["low"], sign * each["high"]))
            mark = "*" if low > 0 else " x" if high < 0 else ""
            key = (int(each.get("horizon_days", 0)), str(each["model"]))
            cells.setdefault(key, {})[each["metric"]] = f"{each['mean']:+.3g}{mark}"
    several = len({days for days, _ in cells}) > 1
    for (days, model), found in cells.items():
        name = f"{model}, {days} d" if several else model
        rows.append([name, *(found.get(metric, "–") for metric in names)])
    return [["ours less", *(SHORT[name] for name in names)], *rows]


def slice_table(report: BacktestReport) -> list[list[str]]:
    """Return the served model's figures by part of the customers, header first."""
    churn, ltv = (_main(report, target) for target in ("churn", "ltv"))
    wanted = {("churn", churn): ("auc", "bias"), ("ltv", ltv): ("mae", "bias"), ("tier", 0): ()}
    found: dict[tuple[str, str], list[str]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for row in report.slices:
        key = (row.by, row.part)
        for name in wanted.get((row.target, row.horizon_days), ()):
            found.setdefault(key, []).append(_cell(row.metrics.get(name, math.nan)))
        if row.target == "tier":
            sizes[key] = row.n
            found.setdefault(key, []).append(_percent(row.metrics["accuracy"]))
    header = ["part", "n", "AUC", "bias", "MAE", "bias", "tier"]
    return [
        header,
        *([f"{by} {part}", f"{sizes[by, part]:,}", *cells] for (by, part), cells in found.items()),
    ]


def indicator_table(report: BacktestReport) -> list[list[str]]:
    """Return how often each known indicator misjudges and what weight follows, header first.

    ``wrong`` is the sum of ``high`` (valued, but worth little) and ``low``; a star marks what
    exceeds the limit.
    """
    body = [
        [
            row["indicator"],
            *(_percent(row[name]) for name in ("misjudged", "too_high", "too_low", "by_chance")),
            f"{row['weight']:.2f}",
            f"{row['proposed_weight']:.2f}" + ("*" if row["over_limit"] else ""),
        ]
        for row in report.indicators
        if row["n"]
    ]
    header = ["indicator", "wrong", "high", "low", "chance", "weight", "new"]
    return [header, *body]


def weight_table(report: BacktestReport) -> list[list[str]]:
    """Return the dimensions' weights by experts and by data, header first."""
    body = [
        [
            row["dimension"],
            _cell(row["expert"]),
            *(_cell(math.nan if row[k] is None else row[k]) for k in ("data", "low", "high")),
        ]
        for row in report.weights.get("dimensions", ())
    ]
    return [["dimension", "scheme", "data", "2.5 %", "97.5 %"], *body]


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
        # In a narrow terminal a cell takes more lines; nothing of it is cut off.
        shown.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in body:
        shown.add_row(*row)
    return shown


def _main(report: BacktestReport, target: str) -> int:
    return next(iter(report.horizons(target)), 0)


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
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.1f}"
    return f"{value:.3f}"
