"""Figures of several panels or cells: dependence on single indicators, scenarios by figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from training.card.evidence import Swarm
from training.card.plots import ACCENT, COLOURS, INK, MAX_POINTS, SHADES, framed, ranked
from training.evaluation.stress_report import StressReport

HEAT: Mapping[str, tuple[str, float]] = {
    "unchanged_share": ("{:.1%}", -0.5),
    "psi": ("{:.3f}", 0.25),
    "mean_change": ("{:+.2f}", 10.0),
    "churn_auc_change": ("{:+.4f}", -0.05),
    "churn_brier_change": ("{:+.4f}", 0.05),
    "ltv_mae_change": ("{:+.1%}", 0.5),
    "ltv_spearman_change": ("{:+.4f}", -0.05),
}
"""Figures of the stress heat map: how they are written, and where the colour is full.

A negative number means that less is worse; ``mean_change`` is bad both ways. For the share of
kept tiers the colour is full at one half, for PSI at the usual line of "another population".
"""


def dependence(
    swarm: Swarm, labels: Mapping[str, str], *, title: str, y: str, coloured: str
) -> go.Figure:
    """Return contribution against value of the strongest indicators, one panel each.

    The colour is the rank of the indicator that interacts with it most, as the shap package
    estimates (``swarm.partners``). Values are cut at their 1st and 99th percentile, so that a
    few large customers do not squeeze all others together.
    """
    shown = list(swarm.partners.items())
    titles = [
        f"{labels.get(name, name)} ({coloured.format(other=labels.get(other, other))})"
        for name, other in shown
    ]
    rows = max(1, -(-len(shown) // 2))
    figure = make_subplots(rows, 2, subplot_titles=titles, vertical_spacing=0.3 / rows)
    figure.update_layout(framed(title, "", "").layout, overwrite=False)
    step = max(1, -(-len(swarm.phi) // MAX_POINTS))
    for number, (name, other) in enumerate(shown):
        column = swarm.names.index(name)
        values, phi = swarm.values[::step, column], swarm.phi[::step, column]
        colour = ranked(swarm.values[:, swarm.names.index(other)])[::step]
        known = ~np.isnan(values)
        low, high = np.quantile(values[known], [0.01, 0.99]) if known.any() else (0.0, 0.0)
        inside = known & (values >= low) & (values <= high)
        figure.add_scatter(
            x=values[inside],
            y=phi[inside],
            mode="markers",
            marker={
                "size": 5,
                "color": np.where(np.isnan(colour), -1.0, colour)[inside],
                "colorscale": SHADES,
                "cmin": -1e-9,
                "cmax": 1,
            },
            showlegend=False,
            name=labels.get(name, name),
            row=number // 2 + 1,
            col=number % 2 + 1,
        )
    figure.update_yaxes(title_text=y, col=1)
    return figure.update_layout(height=80 + 300 * rows, title_text=title)


def forest(
    rows: Sequence[tuple[str, float, float, float]],
    *,
    title: str,
    x: str,
    marks: Sequence[float],
    beside: tuple[str, str, Sequence[float]] | None = None,
) -> go.Figure:
    """Return figures with their intervals, one line each, first on top.

    Parameters
    ----------
    rows
        Name, value, and the two ends of its interval.
    marks
        Values with a dotted line across all rows.
    beside
        Names of the values and of others, ``(n,)``, that are drawn in grey on the same lines.
    """
    figure = framed(title, x, "")
    places = [float(len(rows) - 1 - place) for place in range(len(rows))]
    for mark in marks:
        figure.add_scatter(
            x=[mark, mark],
            y=[-0.5, len(rows) - 0.5],
            mode="lines",
            line={"dash": "dot", "color": INK},
            showlegend=False,
        )
    for place, (_, _, low, high) in zip(places, rows, strict=True):
        figure.add_scatter(
            x=[low, high],
            y=[place, place],
            mode="lines",
            line={"color": ACCENT, "width": 2.0},
            showlegend=False,
        )
    if beside is not None:
        figure.add_scatter(
            x=list(beside[2]),
            y=places,
            mode="markers",
            name=beside[1],
            marker={"size": 8, "color": COLOURS["base_rate"]},
        )
    figure.add_scatter(
        x=[value for _, value, _, _ in rows],
        y=places,
        mode="markers",
        name=beside[0] if beside else title,
        marker={"size": 9, "color": ACCENT},
    )
    figure.update_yaxes(
        tickmode="array", tickvals=places, ticktext=[row[0] for row in rows], automargin=True
    )
    return figure.update_layout(height=120 + 24 * len(rows), showlegend=beside is not None)


def stress_heat(
    report: StressReport, titles: Sequence[str], labels: Mapping[str, str], *, title: str
) -> go.Figure:
    """Return scenarios by figure; the redder, the worse. A figure not measured is a dash.

    Parameters
    ----------
    titles
        Names of the scenarios that ran, in their order.
    labels
        Names of the figures of :data:`HEAT`.
    """
    shades, texts = [], []
    for result in report.ran:
        figures = result.flat()
        row = {name: figures.get(name) for name in HEAT}
        shades.append([_shade(name, value) for name, value in row.items()])
        texts.append([_written(name, value) for name, value in row.items()])
    figure = framed(title, "", "")
    figure.add_heatmap(
        z=shades,
        x=[labels[name] for name in HEAT],
        y=list(titles),
        text=texts,
        texttemplate="%{text}",
        hoverinfo="skip",
        colorscale=[[0, "#ffffff"], [1, "#c8324b"]],
        zmin=0,
        zmax=1,
        showscale=False,
    )
    figure.update_yaxes(autorange="reversed", automargin=True).update_xaxes(side="top")
    return figure.update_layout(height=120 + 44 * len(titles))


def _shade(name: str, value: float | None) -> float:
    if value is None:
        return 0.0
    full = HEAT[name][1]
    if name == "unchanged_share":
        return min(1.0, (1.0 - value) / abs(full))
    badness = abs(value) if name == "mean_change" else value * (1.0 if full > 0 else -1.0)
    return min(1.0, max(0.0, badness / abs(full)))


def _written(name: str, value: float | None) -> str:
    return "–" if value is None else HEAT[name][0].format(value)
