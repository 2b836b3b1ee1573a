"""Figures of the evidence: pure functions from data to a Plotly figure.

The same builders serve the model card, the registry's artifacts and the auditors' pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import plotly.graph_objects as go

from features.schema import FloatArray
from training.evaluation.report import OURS, POOLED, BacktestReport

_Series = TypeVar("_Series")

INK = "#1f2933"
ACCENT = "#0b6e99"
COLOURS: Mapping[str, str] = {
    OURS: ACCENT,
    "base_rate": "#c2c9d1",
    "recency": "#9aa5b1",
    "run_rate": "#9aa5b1",
    "same_length": "#5b8c5a",
    "logistic": "#5b8c5a",
    "purchase_model": "#c98a1b",
    "plain_lightgbm": "#b4506e",
}
"""A model has one colour in every figure."""
OTHER = "#7b5ea7"
_LAYOUT = {
    "template": "plotly_white",
    "font": {"family": "system-ui, 'Noto Sans CJK SC', sans-serif", "color": INK, "size": 13},
    "margin": {"l": 64, "r": 24, "t": 56, "b": 56},
    "legend": {"orientation": "h", "y": -0.2},
    "height": 420,
}
SHADES = [[0, "#c4cad1"], [1e-9, "#2c6fbb"], [1, "#c8324b"]]
"""Colour of a value by its rank: grey unknown, blue low, red high."""
MAX_POINTS = 400
"""Customers drawn in a beeswarm; more only hide each other."""


def reliability(report: BacktestReport, *, title: str, x: str, y: str) -> go.Figure:
    """Return observed against predicted churn; on the diagonal a forecast is calibrated."""
    figure = framed(title, x, y)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": INK}, showlegend=False
    )
    for model, points in _ours_first(report.curves["reliability"]):
        figure.add_scatter(
            x=[point["predicted"] for point in points],
            y=[point["observed"] for point in points],
            customdata=[point["n"] for point in points],
            hovertemplate="%{x:.3f} → %{y:.3f} (n=%{customdata})",
            name=model,
            mode="lines+markers",
            **_style(model),
        )
    return figure


def lift(report: BacktestReport, *, title: str, x: str, y: str) -> go.Figure:
    """Return the share of churners caught against the share of customers contacted."""
    figure = framed(title, x, y)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": INK}, showlegend=False
    )
    for model, points in _ours_first(report.curves["lift"]):
        figure.add_scatter(
            x=[0.0, *(point["share"] for point in points)],
            y=[0.0, *(point["caught"] for point in points)],
            name=model,
            mode="lines",
            **_style(model),
        )
    return figure


def deciles(report: BacktestReport, *, title: str, x: str, y: str, realised: str) -> go.Figure:
    """Return mean predicted and realised net value by decile of the served prediction."""
    figure = framed(title, x, y)
    points = report.curves["deciles"][OURS]
    numbers = [point["decile"] for point in points]
    figure.add_bar(
        x=numbers, y=[p["predicted"] for p in points], name=OURS, marker={"color": ACCENT}
    )
    figure.add_bar(
        x=numbers,
        y=[p["realised"] for p in points],
        name=realised,
        marker={"color": COLOURS["run_rate"]},
    )
    figure.update_xaxes(tickmode="array", tickvals=numbers, ticktext=[str(n) for n in numbers])
    return figure.update_layout(barmode="group")


def by_origin(report: BacktestReport, target: str, metric: str, *, title: str) -> go.Figure:
    """Return one metric of every model over the backtest origins."""
    figure = framed(title, "origin", metric)
    series: dict[str, list[tuple[str, float]]] = {}
    for row in report.rows:
        if row.target != target or row.horizon_days != report.horizons(target)[0]:
            continue
        if row.origin != POOLED and row.whole:
            series.setdefault(row.model, []).append((row.origin, row.metrics[metric]))
    for model, points in _ours_first(series):
        figure.add_scatter(
            x=[origin for origin, _ in points],
            y=[value for _, value in points],
            name=model,
            mode="lines+markers",
            **_style(model),
        )
    return figure.update_xaxes(type="category")


def matrix(
    cells: Sequence[Sequence[int]],
    tiers: Sequence[str],
    *,
    title: str,
    rows: str,
    columns: str,
) -> go.Figure:
    """Return a square of counts, shaded by the share of the row; best tier first.

    Parameters
    ----------
    cells
        ``(t, t)`` counts.
    tiers
        ``(t,)`` labels.
    """
    counts = np.asarray(cells, dtype=np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    figure = framed(title, columns, rows)
    figure.add_heatmap(
        z=shares,
        x=list(tiers),
        y=list(tiers),
        text=[
            [f"{int(n):,}<br>{s:.0%}" for n, s in zip(a, b, strict=True)]
            for a, b in zip(counts, shares, strict=True)
        ],
        texttemplate="%{text}",
        hoverinfo="skip",
        colorscale=[[0, "#ffffff"], [1, ACCENT]],
        zmin=0,
        zmax=1,
        showscale=False,
    )
    return figure.update_yaxes(autorange="reversed").update_xaxes(side="top")


def beeswarm(
    names: Sequence[str],
    phi: FloatArray,
    values: FloatArray,
    labels: Mapping[str, str],
    *,
    title: str,
    x: str,
    top: int = 15,
) -> go.Figure:
    """Return what each indicator adds to the margin, one dot a customer.

    Parameters
    ----------
    names
        ``(m,)`` names of the contributors.
    phi
        ``(n, m)`` contributions in units of the margin.
    values
        ``(n, m)`` values of the contributors for the colour; NaN is grey.
    labels
        Name to label; a name without one is shown itself.
    """
    order = np.argsort(np.abs(phi).mean(axis=0))[::-1][:top]
    step = max(1, -(-len(phi) // MAX_POINTS))
    figure = framed(title, x, "")
    for place, column in enumerate(order[::-1]):
        spread = phi[::step, column]
        ranks = ranked(values[:, column])[::step]
        figure.add_scatter(
            x=spread,
            y=place + _offsets(spread),
            mode="markers",
            marker={
                "size": 5,
                "color": np.where(np.isnan(ranks), -1.0, ranks),
                "colorscale": SHADES,
                "cmin": -1e-9,
                "cmax": 1,
            },
            showlegend=False,
            hovertemplate="%{x:.3f}",
            name=labels.get(names[column], names[column]),
        )
    shown = [labels.get(names[column], names[column]) for column in order[::-1]]
    figure.update_yaxes(
        tickmode="array", tickvals=list(range(len(order))), ticktext=shown, automargin=True
    )
    return figure.update_layout(height=120 + 28 * len(order))


def framed(title: str, x: str, y: str) -> go.Figure:
    """Return an empty figure in the common layout."""
    figure = go.Figure(layout=_LAYOUT)
    return figure.update_layout(
        title={"text": title, "font": {"size": 16}}, xaxis_title=x, yaxis_title=y
    )


def _ours_first(series: Mapping[str, _Series]) -> list[tuple[str, _Series]]:
    return sorted(series.items(), key=lambda pair: pair[0] != OURS)


def _style(model: str) -> dict[str, object]:
    return {"line": {"color": COLOURS.get(model, OTHER), "width": 3.0 if model == OURS else 1.5}}


def ranked(column: FloatArray) -> FloatArray:
    """Return ranks ``(n,)`` from 0 to 1 of a column's values; NaN where unknown."""
    ranks = np.full(len(column), np.nan)
    known = np.flatnonzero(~np.isnan(column))
    if len(known):
        _, inverse = np.unique(column[known], return_inverse=True)
        ranks[known] = inverse / max(1, int(inverse.max()))
    return ranks


def _offsets(spread: FloatArray, bins: int = 60, height: float = 0.38) -> FloatArray:
    """Dots of one bin fan out up and down by turns; the fullest bin fills the row."""
    low, high = float(spread.min()), float(spread.max())
    cell = np.floor((spread - low) / ((high - low) or 1.0) * (bins - 1)).astype(np.int64)
    turn = np.zeros(len(spread))
    for each in np.unique(cell):
        inside = np.flatnonzero(cell == each)
        steps = np.arange(len(inside))
        turn[inside] = np.where(steps % 2, 1, -1) * ((steps + 1) // 2)
    widest = float(np.abs(turn).max()) or 1.0
    return turn / max(widest, 4.0) * height
