"""The picture of a jump: what customers did afterwards, by score."""

from __future__ import annotations

from typing import Literal

import numpy as np
import plotly.graph_objects as go

from features.schema import FloatArray
from training.attribution.bandwidth import Bandwidths
from training.attribution.local_polynomial import fit_local
from training.card.plots import ACCENT, OTHER, framed

_WORDS = {
    "en": ("score less the cut", "growth per customer", "mean of equally many", "local line"),
    "zh": ("得分减分级线", "单客增长", "等人数分组均值", "局部线性拟合"),
}


def discontinuity_figure(
    x: FloatArray,
    y: FloatArray,
    widths: Bandwidths,
    *,
    title: str,
    language: Literal["en", "zh"] = "en",
    bins: int = 15,
    reach: float = 2.0,
) -> go.Figure:
    """Return means of the outcome by score and the local lines at the cut.

    Parameters
    ----------
    x, y
        ``(n,)`` score less the cut, and outcome.
    bins
        Groups of equally many rows on each side.
    reach
        How many bandwidths from the cut are drawn.
    """
    across, up, means, line = _WORDS[language]
    figure = framed(title, across, up)
    for side, colour in ((x < 0, OTHER), (x >= 0, ACCENT)):
        drawn = side & (np.abs(x) <= reach * widths.main)
        order = np.argsort(x[drawn])
        groups = np.array_split(order, min(bins, max(order.size, 1)))
        figure.add_scatter(
            x=[float(x[drawn][g].mean()) for g in groups],
            y=[float(y[drawn][g].mean()) for g in groups],
            mode="markers",
            marker={"size": 8, "color": colour},
            name=f"{means} ({'<' if colour == OTHER else '≥'} 0)",
        )
        level, slope = fit_local(x[side], widths.main, 1).coefficients(y[side])
        end = float(np.sign(x[side].sum() or 1.0) * widths.main)
        figure.add_scatter(
            x=[0.0, end],
            y=[float(level), float(level + slope * end)],
            mode="lines",
            line={"color": colour, "width": 3},
            name=line,
            showlegend=False,
        )
    return figure
