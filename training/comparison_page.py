"""The comparison of runs as a report: ranking, intervals, recipes, lineage, figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

import plotly.graph_objects as go

from training.comparison import LINEAGE, Comparison, Group, Run
from training.evaluation.gates import CHAMPION_METRICS
from training.evaluation.report import COMPARED, LOWER_IS_BETTER, OURS
from training.evaluation.tables import SHORT
from training.report_page import Language, Report, Section, wording


def report(found: Comparison, language: Language = "en") -> Report:
    """Return the report; groups that cannot be ranked together are told apart first."""
    say = wording("comparison", language)
    facts = found.runs[0].report.facts
    sections = [Section(say["runs"], tables=(_runs_table(found.runs, say),))]
    if not found.rankable:
        sections.append(_not_ranked(found, say))
    for letter, group in zip(ascii_uppercase, found.groups, strict=False):
        sections.append(_ranking(letter, group, say))
    sections += [
        Section(say["intervals"], (say["intervals_text"],), _interval_tables(found.runs, say)),
        _recipes(found, say),
        Section(say["lineage"], (say["lineage_text"],), (_lineage(found.runs, say),)),
    ]
    simulated = any(run.report.facts.get("simulated") for run in found.runs)
    return Report(
        title=say["title"].format(count=len(found.runs), world=facts.get("world", "?")),
        note=say["simulated"] if simulated else "",
        sections=tuple(sections),
        language=language,
    )


def ranking_table(group: Group, say: Mapping[str, str], *, narrow: bool = False) -> list[list[str]]:
    """Return the runs of a group by mean rank, header first; a star marks a column's best.

    Parameters
    ----------
    narrow
        For a terminal of 80 characters: short heads, and no names of the baselines.
    """
    header = [say["run"], say["mean_rank"]]
    header += [
        SHORT[metric] if narrow else f"{say[target]} {SHORT[metric]}"
        for target, metric in CHAMPION_METRICS
    ]
    by_name = {run.name: run for run in group.runs}
    rows = []
    for name, rank in group.mean_rank.items():
        cells = [_starred(by_name[name], group.runs, *pair) for pair in CHAMPION_METRICS]
        rows.append([name, f"{rank:.2f}" if len(group.runs) > 1 else "–", *cells])
    best = [
        group.runs[0].report.best_baseline(target, metric) for target, metric in CHAMPION_METRICS
    ]
    rows.append(
        [say["baseline"], "", *(_cell(v) if narrow else f"{_cell(v)} ({name})" for name, v in best)]
    )
    return [header, *rows]


def _runs_table(runs: Sequence[Run], say: Mapping[str, str]) -> list[list[str]]:
    rows = [
        [
            run.name,
            run.facts.get("created_at", ""),
            run.facts.get("aliases", ""),
            run.facts.get("gates", ""),
            str(run.report.facts.get("recipe", "")),
            ", ".join(run.report.origins),
        ]
        for run in runs
    ]
    return [[*(say[key] for key in ("run", "made", "alias", "gates")), "recipe", "origins"], *rows]


def _not_ranked(found: Comparison, say: Mapping[str, str]) -> Section:
    names = [
        say["group"].format(letter=letter, runs=", ".join(run.name for run in group.runs))
        for letter, group in zip(ascii_uppercase, found.groups, strict=False)
    ]
    rows = [
        [letter, fact, _told(first), _told(own)]
        for letter, differing in zip(ascii_uppercase[1:], found.differing, strict=False)
        for fact, (first, own) in differing.items()
    ]
    table = [["", say["differs"], "A", ""], *rows]
    return Section(say["not_ranked"], (say["not_ranked_text"], "; ".join(names)), (table,))


def _ranking(letter: str, group: Group, say: Mapping[str, str]) -> Section:
    alone = len(group.runs) == 1
    figures = [_against_best(group.runs, target, say) for target in ("churn", "ltv")]
    figures += [
        _by_origin(group.runs, target, metric, say)
        for target, metric in (("churn", "auc"), ("ltv", "mae"))
    ]
    return Section(
        say["ranking"].format(letter=letter),
        (say["alone_text"] if alone else say["ranking_text"],),
        (ranking_table(group, say),),
        tuple(figures),
    )


def _interval_tables(runs: Sequence[Run], say: Mapping[str, str]) -> tuple[list[list[str]], ...]:
    """Return what each run is ahead or behind of each baseline, one table a target."""
    return tuple(table for target in COMPARED if len(table := _intervals(runs, target, say)) > 1)


def _intervals(runs: Sequence[Run], target: str, say: Mapping[str, str]) -> list[list[str]]:
    names = COMPARED[target]
    rows: list[list[str]] = []
    for run in runs:
        cells: dict[tuple[int, str], dict[str, str]] = {}
        for each in run.report.differences:
            if each["target"] == target:
                days = int(each.get("horizon_days") or run.report.facts[f"{target}_horizon_days"])
                told = _difference(each, say)
                cells.setdefault((days, str(each["model"])), {})[each["metric"]] = told
        rows += [
            [run.name, f"{days} d", model, *(found.get(name, "–") for name in names)]
            for (days, model), found in cells.items()
        ]
    return [[say["run"], say[target], say["less"], *(SHORT[name] for name in names)], *rows]


def _difference(told: Mapping[str, Any], say: Mapping[str, str]) -> str:
    mean, low, high = (_number(told[key]) for key in ("mean", "low", "high"))
    sign = -1.0 if told["metric"] in LOWER_IS_BETTER else 1.0
    worst, best = sorted((sign * low, sign * high))
    mark = "*" if worst > 0 else " ×" if best < 0 else ""
    return f"{mean:+.3g}{mark} ({low:+.3g}{say['to']}{high:+.3g})"


def _recipes(found: Comparison, say: Mapping[str, str]) -> Section:
    known = [run for run in found.runs if run.recipe]
    unknown = ", ".join(run.name for run in found.runs if not run.recipe)
    told = [say["no_recipe"].format(runs=unknown)] if unknown else []
    rows = [[name, *map(_told, values)] for name, values in found.recipe_differences().items()]
    if not rows:
        return Section(say["recipes"], (*told, *([say["same_recipes"]] if known else ())))
    every = {name for run in known for name in run.recipe}
    told.append(say["recipes_text"].format(same=len(every) - len(rows)))
    table = [[say["field"], *(run.name for run in known)], *rows]
    return Section(say["recipes"], tuple(told), (table,))


def _lineage(runs: Sequence[Run], say: Mapping[str, str]) -> list[list[str]]:
    rows = []
    for fact in LINEAGE:
        values = [run.facts.get(fact, "") for run in runs]
        if any(values):
            differ = len(set(values)) > 1
            rows.append([f"≠ {fact}" if differ else fact, *(value[:16] for value in values)])
    return [[say["fact"], *(run.name for run in runs)], *rows]


def _against_best(runs: Sequence[Run], target: str, say: Mapping[str, str]) -> go.Figure:
    """Return each run's figures over the best baseline's, so that all metrics share an axis."""
    metrics = [metric for t, metric in CHAMPION_METRICS if t == target]
    figure = go.Figure()
    for run in runs:
        ratios = []
        for metric in metrics:
            ours, best = run.report.metric(target, metric), run.report.best_baseline(target, metric)
            low, high = (ours, best[1]) if metric in LOWER_IS_BETTER else (best[1], ours)
            ratios.append(low / high if high > 0 else math.nan)
        figure.add_scatter(
            x=ratios,
            y=[SHORT[metric] for metric in metrics],
            mode="markers",
            marker={"size": 11},
            name=run.name,
        )
    figure.add_vline(x=1.0, line_dash="dot")
    title = say["against_best"].format(target=say[target])
    return figure.update_layout(template="plotly_white", title=title, height=360)


def _by_origin(runs: Sequence[Run], target: str, metric: str, say: Mapping[str, str]) -> go.Figure:
    figure = go.Figure()
    for run in runs:
        days = next(iter(run.report.horizons(target)), 0)
        by_day = {
            row.origin: row.metrics.get(metric, math.nan)
            for row in run.report.rows
            if row.key == (target, days, OURS) and row.origin in run.report.origins
        }
        figure.add_scatter(
            x=list(by_day), y=list(by_day.values()), mode="lines+markers", name=run.name
        )
    title = say["by_origin"].format(metric=SHORT[metric], target=say[target])
    return figure.update_layout(template="plotly_white", title=title, height=360)


def _starred(run: Run, runs: Sequence[Run], target: str, metric: str) -> str:
    values = [each.report.metric(target, metric) for each in runs]
    known = [value for value in values if not math.isnan(value)]
    own = run.report.metric(target, metric)
    if len(runs) < 2 or not known:
        return _cell(own)
    best = min(known) if metric in LOWER_IS_BETTER else max(known)
    return _cell(own) + ("*" if own == best else "")


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


def _told(value: object) -> str:
    """Return a fact or a recipe's field as people write it; nothing where a run lacks it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
