"""What the page shows: tables, and accuracy given up against reversals removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import plotly.graph_objects as go
from judging import DAYS, WORLDS, Judgement, Key, as_dict, rounded
from plotly.subplots import make_subplots

from training.card.svg import to_svg


def tables(
    found: Mapping[Key, Mapping[str, Judgement]],
    naive: Mapping[str, Judgement],
    agencies: Mapping[str, Judgement],
    chosen: Key,
) -> Iterator[str]:
    """Yield the lines of the page's tables."""
    yield "| way | " + " | ".join(WORLDS.values()) + " |"
    yield "|---|" + "---|" * len(WORLDS)
    shown: list[Key] = [
        (0.0, 0.0, 0, 0), chosen, (1.0, 1.0, 0, 0), (2.0, 2.0, 0, 0), (3.0, 3.0, 0, 0),
        (5.0, 5.0, 0, 0), (5.0, 1.5, 0, 0),
        *((*chosen[:2], dwell, grace) for dwell, grace in DAYS if dwell or grace),
    ]  # fmt: skip
    for key in shown:
        yield f"| {key} | " + " | ".join(cell(found[key][n], naive[n]) for n in WORLDS) + " |"
    yield "| Altman and Rijken | " + " | ".join(cell(agencies[n], naive[n]) for n in WORLDS) + " |"
    for name, judged in naive.items():
        yield f"naive {name}: {json.dumps(rounded(as_dict(judged)))}"


def cell(judged: Judgement, naive: Judgement) -> str:
    """Return reversals removed, both accuracy changes in points, and quarters of more delay."""
    change = judged.against(naive)
    return (
        f"{change['reversals_removed']:.0%}, {100 * change['accuracy_change']:+.1f}, "
        f"{100 * change['value_accuracy_change']:+.1f}, {change['delay_quarters_more']:+.2f}"
    )


def frontier(
    found: Mapping[Key, Mapping[str, Judgement]],
    naive: Mapping[str, Judgement],
    agencies: Mapping[str, Judgement],
    chosen: Key,
) -> go.Figure:
    """Draw accuracy given up against reversals removed, a panel a world."""
    figure = make_subplots(
        cols=len(WORLDS), rows=1, subplot_titles=list(WORLDS.values()), shared_yaxes=True
    )
    sorts = {
        "hysteresis alone": ("#2a6f97", [k for k in found if k[2:] == (0, 0)]),
        "with dwell or grace": ("#c9a227", [k for k in found if k[2:] != (0, 0)]),
        "chosen": ("#d1495b", [chosen]),
    }
    for column, name in enumerate(WORLDS, 1):
        for label, (colour, keys) in sorts.items():
            changes = [found[key][name].against(naive[name]) for key in keys]
            figure.add_trace(
                points(changes, label, colour, 11 if label == "chosen" else 5, column == 1),
                row=1, col=column,
            )  # fmt: skip
        figure.add_trace(
            points([agencies[name].against(naive[name])], "Altman and Rijken", "#1f2933", 11,
                   column == 1),
            row=1, col=column,
        )  # fmt: skip
        figure.update_xaxes(title_text="accuracy, points", row=1, col=column)
    figure.update_yaxes(title_text="reversals removed, %", row=1, col=1)
    title = "Reversals removed against accuracy given up (the B2B company is simulated)"
    figure.update_layout(height=420, title=title)
    return figure


def as_file(figure: go.Figure) -> str:
    """Return an SVG that stands by itself, with a ground of its own."""
    head = '<svg xmlns="http://www.w3.org/2000/svg" style="background:#fff" '
    return to_svg(figure).replace("<svg ", head, 1) + "\n"


def points(
    changes: list[dict[str, float]], label: str, colour: str, size: int, legend: bool
) -> go.Scatter:
    """Return the marks of one kind."""
    return go.Scatter(
        x=[100 * change["accuracy_change"] for change in changes],
        y=[100 * change["reversals_removed"] for change in changes],
        mode="markers",
        name=label,
        showlegend=legend,
        marker={"color": colour, "size": size},
    )
