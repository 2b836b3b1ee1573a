"""The report of a tuning run: outcome, held-out comparison, trials, history."""

from __future__ import annotations

import math
from collections.abc import Mapping

import plotly.graph_objects as go

from training.recipe import Recipe
from training.recipe_text import flat
from training.report_page import Language, Report, Section, wording
from training.tuning.results import Tuning

_COLOURS = {"complete": "#0b6e99", "pruned": "#c98a1b", "failed": "#9aa5b1"}


def report(found: Tuning, base: Recipe, language: Language = "en") -> Report:
    """Return the report of a search from ``base``."""
    say = wording("tuning", language)
    complete = sum(trial.state == "complete" for trial in found.trials)
    if found.best is None:
        outcome = say["not_better"].format(complete=complete)
    else:
        outcome = say["better"].format(
            number=found.best.number, complete=complete, value=f"{found.best.value:.4f}"
        )
    kept = say["held_out_text"].format(days=", ".join(found.held_out), looks=found.looks)
    trials = say["trials_text"].format(days=", ".join(found.inner))
    sections = (
        Section(say["outcome"], (outcome,), (_fields(found, base, say),)),
        Section(say["held_out"], (kept,), (_held_out(found, say),)),
        Section(say["trials"], (trials,), (_trials(found, say),), (history(found, say),)),
        Section(
            say["proof"],
            tables=([[say["fact"], say["value"]], *([k, v] for k, v in found.facts.items())],),
        ),
    )
    return Report(
        title=say["title"].format_map(found.facts),
        note=say["simulated"] if found.facts["simulated"] == "true" else "",
        sections=sections,
        language=language,
    )


def history(found: Tuning, say: Mapping[str, str]) -> go.Figure:
    """Return every trial's value by number, and the best complete one so far."""
    figure = go.Figure()
    for state, colour in _COLOURS.items():
        shown = [t for t in found.trials if t.state == state and not math.isnan(t.value)]
        figure.add_scatter(
            x=[trial.number for trial in shown],
            y=[trial.value for trial in shown],
            mode="markers",
            marker={"color": colour, "size": 9},
            name=say[state],
        )
    numbers, best, lowest = [], [], math.inf
    for trial in found.trials:
        if trial.state == "complete":
            lowest = min(lowest, trial.value)
            numbers.append(trial.number)
            best.append(lowest)
    figure.add_scatter(
        x=numbers, y=best, mode="lines", line={"shape": "hv"}, name=say["best_so_far"]
    )
    figure.add_hline(y=1.0, line_dash="dot", annotation_text=say["base"])
    figure.update_layout(
        template="plotly_white",
        title=say["history"],
        xaxis_title=say["trial"],
        yaxis_title=say["value"],
        height=420,
    )
    return figure


def _fields(found: Tuning, base: Recipe, say: Mapping[str, str]) -> list[list[str]]:
    known = flat(base.model_dump())
    best = {} if found.best is None else found.best.fields
    rows = [[name, str(known[name]), str(value)] for name, value in best.items()]
    return [[say["field"], say["base"], say["tuned"]], *rows]


def _held_out(found: Tuning, say: Mapping[str, str]) -> list[list[str]]:
    header = [say["metric"], say["base"], say["tuned"], "2.5 %", "97.5 %"]
    rows = [
        [row.metric, *(_cell(value) for value in (row.base, row.tuned, row.low, row.high))]
        for row in found.rows
    ]
    return [header, *rows]


def _trials(found: Tuning, say: Mapping[str, str]) -> list[list[str]]:
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.fields))
    header = [say[key] for key in ("trial", "state", "value", "origins", "seconds")]
    rows = [
        [
            str(trial.number),
            say[trial.state],
            _cell(trial.value),
            str(len(trial.values)),
            f"{trial.seconds:.0f}",
            *(str(trial.fields.get(name, "")) for name in names),
        ]
        for trial in found.trials
    ]
    return [[*header, *names], *rows]


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.5g}"
