"""Figures as SVG: well-formed, to scale, and told apart."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.card import plots
from training.card.svg import to_svg


def drawn(figure: go.Figure) -> ElementTree.Element:
    return ElementTree.fromstring(to_svg(figure))


def texts(figure: go.Figure) -> list[str]:
    return ["".join(each.itertext()) for each in drawn(figure).iter("text")]


def heights(figure: go.Figure) -> list[float]:
    return [float(r.attrib["height"]) for r in drawn(figure).iter("rect") if "height" in r.attrib]


def test_the_title_is_the_accessible_name_and_is_escaped() -> None:
    figure = plots.framed("价值 < & >", "x", "y")
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines")
    assert drawn(figure).attrib["aria-label"] == "价值 < & >"


def test_bars_are_to_scale() -> None:
    figure = plots.framed("t", "x", "y")
    figure.add_bar(x=[1, 2, 3], y=[10.0, 20.0, 5.0], name="ours", marker={"color": "#0b6e99"})
    low, high, least = heights(figure)[:3]
    assert high == pytest.approx(2 * low, rel=0.01)
    assert least == pytest.approx(low / 2, rel=0.01)


def test_a_line_runs_through_its_points_to_scale() -> None:
    figure = plots.framed("t", "x", "y")
    figure.add_scatter(x=[0, 1, 2], y=[0, 1, 4], mode="lines", line={"color": "#123456"})
    path = next(p for p in drawn(figure).iter("path") if p.attrib.get("stroke") == "#123456")
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"]), dtype=np.float64)
    assert points[1, 0] - points[0, 0] == pytest.approx(points[2, 0] - points[1, 0], abs=0.2)
    rise = points[0, 1] - points[:, 1]
    assert rise[2] == pytest.approx(4 * rise[1], rel=0.01)


def test_every_dot_is_drawn_in_the_colour_of_its_rank() -> None:
    rng = np.random.default_rng(2)
    phi, values = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    values[:10, 0] = np.nan
    figure = plots.beeswarm(["a", "b"], phi, values, {}, title="t", x="x")
    svg = to_svg(figure)
    dots = re.findall(r'<path d="([^"]*h0)" stroke="(#\w+)"', svg)
    assert sum(path.count("M") for path, _ in dots) == 120
    grey = [path.count("M") for path, colour in dots if colour == "#c4cad1"]
    assert grey == [10]


def test_a_matrix_shows_its_cells_and_reads_down_from_the_best() -> None:
    figure = plots.matrix(((3, 1), (0, 4)), ["A", "B"], title="t", rows="r", columns="c")
    told = texts(figure)
    assert told.count("75%") == 1
    cells = [each for each in drawn(figure).iter("text") if each.text in {"A", "B"}]
    rows = [float(c.attrib["y"]) for c in cells if c.attrib["text-anchor"] == "end"]
    assert rows == sorted(rows)


def test_a_legend_names_models_only_where_there_are_several() -> None:
    figure = plots.framed("t", "x", "y")
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="one", line={"color": "#000000"})
    assert "one" not in texts(figure)
    figure.add_scatter(x=[0, 1], y=[1, 0], mode="lines", name="two", line={"color": "#111111"})
    assert {"one", "two"} <= set(texts(figure))


def test_no_script_and_nothing_from_outside() -> None:
    figure = plots.matrix(((1,),), ["A"], title="t", rows="r", columns="c")
    assert not re.search(r"<script|href|http|url\(", to_svg(figure))


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30))
def test_any_numbers_stay_inside_the_picture(numbers: list[float]) -> None:
    figure = plots.framed("t", "x", "y")
    figure.add_scatter(
        x=list(range(len(numbers))), y=numbers, mode="markers", marker={"color": "#123456"}
    )
    root = drawn(figure)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for path in root.iter("path"):
        if path.attrib.get("stroke") == "#123456":
            points = np.array(re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path.attrib["d"]), float)
            assert (points >= 0).all()
            assert (points <= [width, height]).all()
