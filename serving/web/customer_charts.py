"""The figures of the customer page: pure functions from an explanation to Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import plotly.graph_objects as go

from serving.domain.labels import DimensionLabel, TierLabel
from serving.web.chart_style import (
    ACCENT,
    DOWN,
    SOFT,
    TOTAL,
    UP,
    plain_text,
    styled,
    tier_colour,
)
from serving.web.formats import Writer
from serving.web.i18n import Language

LABEL_WIDTH = {Language.EN: 36, Language.ZH: 16}
NARROW_WIDTH = {Language.EN: 19, Language.ZH: 9}
"""Letters in a line of a bar's label, on a wide screen and on a phone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall: a label and the points it adds."""

    label: str
    points: float


def waterfall(
    writer: Writer, base: float, steps: Sequence[Step], score: float, tiers: Sequence[TierLabel]
) -> go.Figure:
    """Return the way from a typical customer's score to this customer's, top to bottom.

    Bars start at ``base``, not at 0, so that single points are visible; the last bar is
    the whole difference. Dotted lines are the cuts that lie in the drawn range.
    """
    words = writer.words
    labels = [
        f"{words('customer.waterfall.base')} {writer.points(base)}",
        *(step.label for step in steps),
        f"{words('customer.waterfall.score')} {writer.points(score)}",
    ]
    positions = list(range(len(labels)))
    levels = [base]
    for step in steps:
        levels.append(levels[-1] + step.points)
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            base=base,
            measure=["absolute", *("relative" for _ in steps), "total"],
            x=[0.0, *(step.points for step in steps), score - base],
            y=positions,
            text=[
                "",
                *(writer.plain(step.points, 2, signed=True) for step in steps),
                writer.points(score),
            ],
            textposition="outside",
            textfont={"size": 12},
            cliponaxis=False,
            connector={"line": {"color": SOFT, "width": 0.6}},
            increasing={"marker": {"color": UP}},
            decreasing={"marker": {"color": DOWN}},
            totals={"marker": {"color": TOTAL}},
            hoverinfo="skip",
        )
    )
    figure.add_scatter(
        x=[base],
        y=[0],
        mode="markers",
        marker={"color": TOTAL, "size": 11, "symbol": "diamond"},
        hoverinfo="skip",
    )
    low, high = min(*levels, score), max(*levels, score)
    room = max(high - low, 1.0) * 0.16
    window = (low - room, high + room)
    for tier in tiers:
        if tier.cut and window[0] <= tier.cut <= window[1]:
            figure.add_vline(
                tier.cut,
                layer="below",
                line={"color": tier_colour(tier.index), "width": 2, "dash": "dot"},
                annotation={
                    "text": f"{plain_text(tier.label(writer.language))} ≥ {tier.cut:g}",
                    "font": {"color": SOFT, "size": 11.5},
                    "y": 1,
                    "yanchor": "bottom",
                    "xanchor": "center",
                    "showarrow": False,
                },
            )
    return styled(
        figure,
        96 + 42 * len(labels),
        xaxis={"range": list(window), "title": {"text": words("customer.waterfall.axis")}},
        yaxis={
            "tickvals": positions,
            "ticktext": [_folded(label, LABEL_WIDTH[writer.language]) for label in labels],
            "range": [len(labels) - 0.4, -0.6],
            "showgrid": False,
            "ticks": "",
        },
        margin={"l": 8, "r": 40, "t": 26, "b": 8},
        # charts.js takes these labels instead when the drawing is narrow.
        meta={
            "narrow_ticktext": [
                _folded(label, NARROW_WIDTH[writer.language], lines=2) for label in labels
            ]
        },
        showlegend=False,
    )


def _folded(label: str, width: int, lines: int | None = None) -> str:
    folded = wrap(label, width, max_lines=lines, placeholder="…", break_long_words=True)
    return "<br>".join(plain_text(line) for line in folded)


def radar(
    writer: Writer,
    dimensions: Sequence[DimensionLabel],
    scores: Mapping[str, float | None],
    medians: Mapping[str, float | None],
) -> go.Figure:
    """Return the dimension scores on a wheel, beside the medians of all customers.

    A dimension without data has no point, and its axis says so: it is not drawn as 0.
    """
    words = writer.words
    axes = [
        plain_text(
            dimension.label(writer.language)
            if scores.get(dimension.id) is not None
            else words("customer.radar.missing_axis", dimension=dimension.label(writer.language))
        )
        for dimension in dimensions
    ]
    figure = go.Figure()
    series = (
        (words("customer.radar.portfolio"), SOFT, "dot", medians),
        (words("customer.radar.customer"), ACCENT, "solid", scores),
    )
    for name, colour, dash, values in series:
        radii = [values.get(dimension.id) for dimension in dimensions]
        whole = None not in radii
        figure.add_scatterpolar(
            name=name,
            # The first point again closes the line.
            r=[*radii, radii[0]],
            theta=[*axes, axes[0]],
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            marker={"color": colour, "size": 6},
            fill="toself" if whole and values is scores else "none",
            fillcolor="var(--radar-fill)",
            hovertemplate="%{theta}: %{r:.1f}<extra>%{fullData.name}</extra>",
        )
    return styled(
        figure,
        400,
        polar={
            "bgcolor": "rgba(0,0,0,0)",
            "radialaxis": {
                "range": [0, 100],
                "tickvals": [25, 50, 75, 100],
                "tickfont": {"color": SOFT, "size": 10.5},
                "gridcolor": "var(--line)",
                "linecolor": "rgba(0,0,0,0)",
                "angle": 90,
                "tickangle": 90,
            },
            "angularaxis": {
                "direction": "clockwise",
                "rotation": 90,
                "gridcolor": "var(--line)",
                "linecolor": "var(--line)",
            },
            "gridshape": "linear",
        },
        margin={"l": 76, "r": 76, "t": 54, "b": 30},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.09, "yanchor": "bottom"},
    )
