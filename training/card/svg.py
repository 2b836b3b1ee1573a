"""Draw the card's figures as SVG, so that the page is one small file without any script.

Understands what ``training/card/plots.py`` makes of Plotly: lines, markers, bars, heat maps,
panels, legends. The text stays text: it can be searched, and the reader's fonts show Chinese.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go

WIDTH = 960.0
_INK, _GRID, _SIZE = "#1f2933", "#e4e8ec", 13.0
_LEVELS = 24
"""Shades of a colour scale: all dots of one shade are one path."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps data to pixels along one side of a panel; ``labels`` of a category axis."""

    low: float
    high: float
    start: float
    end: float
    labels: tuple[str, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()

    def at(self, value: Any) -> float:
        number = self.labels.index(str(value)) if self.labels else float(value)
        share = (number - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)


def to_svg(figure: go.Figure) -> str:
    """Return a figure as an ``<svg>`` element; its title is the accessible name."""
    layout = figure.layout
    height = float(layout.height or 420)
    shown = [trace for trace in figure.data if trace.name and trace.showlegend is not False]
    legend = [t for t in shown if t.type != "heatmap"] if len(shown) > 1 else []
    top, bottom = 24.0, 52.0 + (26.0 if legend else 0.0)
    if layout.xaxis.side == "top":
        top, bottom = 64.0, 8.0
    body: list[str] = []
    panels: dict[tuple[str, str], list[Any]] = {}
    for trace in figure.data:
        panels.setdefault((trace.xaxis or "x", trace.yaxis or "y"), []).append(trace)
    titles = iter(layout.annotations)
    for (x, y), traces in panels.items():
        across, down = _layout_axis(layout, x), _layout_axis(layout, y)
        left = 36.0 + max([40.0, *map(_width, _names(down, traces, "y"))])
        x0, x1 = across.domain or (0.0, 1.0)
        y0, y1 = down.domain or (0.0, 1.0)
        inner = height - top - bottom
        box = (
            left + x0 * (WIDTH - left - 24.0) + (left / 2 if x0 else 0.0),
            x1 * (WIDTH - left - 24.0) + left,
            top + (1 - y0) * inner,
            top + (1 - y1) * inner,
        )
        body += _panel(across, down, traces, box)
        title = next(titles, None)
        if title is not None:
            body.append(_text((box[0] + box[1]) / 2, box[3] - 8, title.text, bold=True))
    body += _legend(legend, height)
    name = escape(layout.title.text or "")
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{name}" '
        f'font-size="{_SIZE:g}" fill="{_INK}">' + "".join(body) + "</svg>"
    )


def _panel(
    across: Any, down: Any, traces: Sequence[Any], box: tuple[float, float, float, float]
) -> list[str]:
    left, right, bottom, top = box
    x = _axis(across, traces, "x", left, right)
    y = _axis(down, traces, "y", bottom, top)
    drawn = []
    heat = any(trace.type == "heatmap" for trace in traces)
    above = across.side == "top"
    for value, label in x.ticks:
        at = x.at(value) if not x.labels else x.start + _slot(x, value)
        if not heat and not x.labels:
            drawn.append(_line(at, bottom, at, top))
        drawn.append(_text(at, top - 8 if above else bottom + 18, label))
    for value, label in y.ticks:
        at = y.at(value) if not y.labels else y.start + _slot(y, value)
        if not heat:
            drawn.append(_line(left, at, right, at))
        drawn.append(_text(left - 8, at + 4, label, anchor="end"))
    if across.title.text:
        drawn.append(
            _text((left + right) / 2, top - 32 if above else bottom + 40, across.title.text)
        )
    if down.title.text:
        middle = (top + bottom) / 2
        drawn.append(
            _text(14, middle, down.title.text, turn=f' transform="rotate(-90 14 {middle:g})"')
        )
    bars = [trace for trace in traces if trace.type == "bar"]
    for trace in traces:
        if trace.type == "bar":
            drawn += _bars(trace, x, y, bars.index(trace), len(bars))
        elif trace.type == "heatmap":
            drawn += _heat(trace, x, y)
        else:
            drawn += _scatter(trace, x, y)
    return drawn


def _scatter(trace: Any, x: _Axis, y: _Axis) -> list[str]:
    points = [
        (x.start + _slot(x, x.labels.index(str(a))) if x.labels else x.at(a), y.at(b))
        for a, b in zip(trace.x, trace.y, strict=True)
    ]
    drawn = []
    mode = trace.mode or "lines"
    if "lines" in mode:
        colour, width = trace.line.color or _INK, trace.line.width or 1.5
        dash = ' stroke-dasharray="3 4"' if trace.line.dash else ""
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points if math.isfinite(b))
        drawn.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dash}/>'
        )
    if "markers" in mode:
        size = float(trace.marker.size or 6)
        look = f'stroke-width="{size:g}" stroke-linecap="round"'
        for colour, dots in _by_colour(trace, points):
            path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in dots)
            drawn.append(f'<path d="{path}" stroke="{colour}" {look}/>')
    return drawn


def _by_colour(
    trace: Any, points: Sequence[tuple[float, float]]
) -> Iterable[tuple[str, list[tuple[float, float]]]]:
    colours = trace.marker.color
    if colours is None or isinstance(colours, str):
        yield colours or trace.line.color or _INK, list(points)
        return
    scale = [(float(stop), str(colour)) for stop, colour in trace.marker.colorscale]
    low, high = float(trace.marker.cmin), float(trace.marker.cmax)
    groups: dict[str, list[tuple[float, float]]] = {}
    for value, point in zip(colours, points, strict=True):
        share = min(max((float(value) - low) / (high - low), 0.0), 1.0)
        # What is below the scale (unknown) keeps the scale's first colour.
        shade = 0.0 if value < 0 else max(round(share * _LEVELS) / _LEVELS, 1e-6)
        groups.setdefault(_mixed(scale, shade), []).append(point)
    yield from groups.items()


def _bars(trace: Any, x: _Axis, y: _Axis, place: int, of: int) -> list[str]:
    width = 0.8 * _step(x) / of
    colour = trace.marker.color
    drawn = []
    for a, b in zip(trace.x, trace.y, strict=True):
        start = x.at(a) + (place - of / 2) * width
        end, zero = y.at(b), y.at(0.0)
        drawn.append(
            f'<rect x="{start:.1f}" y="{min(end, zero):.1f}" width="{width:.1f}" '
            f'height="{abs(end - zero):.1f}" fill="{colour}"><title>{float(b):,.4g}</title></rect>'
        )
    return drawn


def _heat(trace: Any, x: _Axis, y: _Axis) -> list[str]:
    scale = [(float(stop), str(colour)) for stop, colour in trace.colorscale]
    width, height = abs(_step(x)), abs(_step(y))
    drawn = []
    for row, cells in enumerate(trace.z):
        for column, value in enumerate(cells):
            share = min(max(float(value), 0.0), 1.0)
            across, down = x.start + _slot(x, column), y.start + _slot(y, row)
            drawn.append(
                f'<rect x="{across - width / 2:.1f}" y="{down - height / 2:.1f}" '
                f'width="{width:.1f}" height="{height:.1f}" fill="{_mixed(scale, share)}" '
                f'stroke="#fff"/>'
            )
            lines = str(trace.text[row][column]).split("<br>")
            for number, line in enumerate(lines):
                at = down + 5 + 16 * (number - (len(lines) - 1) / 2)
                drawn.append(_text(across, at, line, colour="#fff" if share > 0.55 else _INK))
    return drawn


def _legend(traces: Sequence[Any], height: float) -> list[str]:
    drawn, at = [], 24.0
    for trace in traces:
        colour = (trace.line.color if trace.type == "scatter" else None) or trace.marker.color
        drawn.append(
            f'<rect x="{at:.0f}" y="{height - 18:g}" width="18" height="5" fill="{colour}"/>'
        )
        drawn.append(_text(at + 24, height - 10, trace.name, anchor="start"))
        at += 48.0 + _width(trace.name)
    return drawn


def _axis(layout: Any, traces: Sequence[Any], side: str, start: float, end: float) -> _Axis:
    labels = _categories(layout, traces, side)
    if labels:
        if side == "y" and layout.autorange == "reversed":
            start, end = end, start
        ticks = tuple((float(n), label) for n, label in enumerate(labels))
        return _Axis(0.0, float(len(labels)), start, end, tuple(labels), ticks)
    values = np.concatenate([np.asarray(trace[side], dtype=np.float64) for trace in traces])
    values = values[np.isfinite(values)]
    if any(trace.type == "bar" for trace in traces):
        extra = [0.0] if side == "y" else [values.min() - 0.6, values.max() + 0.6]
        values = np.append(values, extra)
    if layout.tickvals is not None:
        ticks = tuple(zip(map(float, layout.tickvals), map(str, layout.ticktext), strict=True))
        values = np.append(values, [min(layout.tickvals) - 0.5, max(layout.tickvals) + 0.5])
        return _Axis(float(values.min()), float(values.max()), start, end, ticks=ticks)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    pad = 0.0 if side == "y" and low == 0 else 0.03 * ((high - low) or abs(high) or 1.0)
    low, high = low - pad, high + 0.03 * ((high - low) or abs(high) or 1.0)
    return _Axis(low, high, start, end, ticks=_nice(low, high, 6 if abs(end - start) > 300 else 4))


def _categories(layout: Any, traces: Sequence[Any], side: str) -> list[str]:
    named = [str(v) for trace in traces for v in trace[side]] if layout.type == "category" else []
    if any(trace.type == "heatmap" for trace in traces):
        named = [str(value) for trace in traces for value in trace[side]]
    return sorted(set(named)) if layout.type == "category" else list(dict.fromkeys(named))


def _names(layout: Any, traces: Sequence[Any], side: str) -> list[str]:
    return [*_categories(layout, traces, side), *(map(str, layout.ticktext or ()))]


def _nice(low: float, high: float, wanted: int) -> tuple[tuple[float, str], ...]:
    raw = max((high - low) / wanted, 1e-300)  # nearer values cannot be told apart
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if power * m >= raw)
    first = math.ceil(low / step)
    values = [round(step * n, 10) for n in range(first, math.floor(high / step) + 1)]
    return tuple((value, f"{value:,.6g}") for value in values)


def _step(axis: _Axis) -> float:
    return (axis.end - axis.start) / ((axis.high - axis.low) or 1.0)


def _slot(axis: _Axis, number: float) -> float:
    """Return the middle of a category's slot, from the start of the axis."""
    return (float(number) + 0.5) * _step(axis)


def _layout_axis(layout: go.Layout, name: str) -> Any:
    return layout[f"{name[0]}axis{name[1:]}"]


def _mixed(scale: Sequence[tuple[float, str]], share: float) -> str:
    for (low, first), (high, last) in pairwise(scale):
        if share <= high:
            part = (share - low) / ((high - low) or 1.0)
            pairs = zip(_rgb(first), _rgb(last), strict=True)
            return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in pairs)
    return scale[-1][1]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _width(text: str) -> float:
    """Estimate the width of a text in pixels; Chinese signs are square."""
    return sum(_SIZE if ord(sign) > 0x2E7F else 0.56 * _SIZE for sign in text)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{_GRID}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    colour: str = _INK,
    bold: bool = False,
    turn: str = "",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}{turn}>'
        f"{escape(text)}</text>"
    )
