"""What all charts share. Colours are names of CSS custom properties: ``charts.js`` looks
them up, so that a figure follows the reader's colour scheme."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

INK = "var(--ink)"
SOFT = "var(--ink-soft)"
LINE = "var(--line)"
CARD = "var(--card)"
ACCENT = "var(--accent)"
UP = "var(--up)"
DOWN = "var(--down)"
TOTAL = "var(--total)"

TIER_COLOURS = 6


def tier_colour(index: int) -> str:
    """Return the colour of a tier, 0 is the best; a seventh tier shares with the sixth."""
    return f"var(--tier-{min(index, TIER_COLOURS - 1) + 1})"


def styled(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure the common look; ``height`` in CSS pixels."""
    axis = {
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": SOFT},
        "title": {"font": {"color": SOFT, "size": 12}},
        "automargin": True,
    }
    figure.update_layout(
        template=None,
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12.5, "color": INK},
        hoverlabel={"bgcolor": CARD, "bordercolor": LINE, "font": {"color": INK}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        dragmode=False,
        bargap=0.25,
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_layout(**layout)
    return figure


def plain_text(text: str) -> str:
    """Return a text that Plotly shows as it is: its labels read a subset of HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def embedded(figure: go.Figure) -> Markup:
    """Return a figure as JSON that can stand inside a ``<script>`` block.

    ``<``, ``>`` and ``&`` are written as JSON escapes, so no value can end the block.
    """
    text: str = figure.to_json()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
