"""The page and the picture of the serving benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

Row = Mapping[str, Any]
_OURS, _PEER, _INK = "#1b7f5c", "#9aa5b1", "#1f2933"

_GRADE, _WHY = "GET grade", "GET explanation"
_BARE_WHAT_IF, _WHAT_IF = "POST simulate, no explanation", "POST simulate, explanation"
_SPLIT = "POST simulate, contributions"
_MLFLOW = ("mlflow models serve", "predict, with signature")
_MLSERVER = ("MLServer", "predict, lightgbm runtime")
_CONTRIB = ("bare FastAPI", "pred_contrib")

_INTRO = """# Serving beside other servers

`make bench-serving` writes this page; the figures are in [serving.json](serving.json). Every server
runs on the same machine, one worker and one thread, and is asked over loopback by {tool} with one
sender, on 1 and on 16 keep-alive connections; {payloads} different requests are sent in turn. One
server runs at a time; {rounds} rounds, the order rotated; {seconds:g} s a cell after 1 s of warming
up. Tables give the median of the rounds, and minimum to maximum of the rate. Before anything is
timed some answers of every cell are held to what they must be: the peers' to what the booster says,
ours to the customer asked for, and contributions to their sum.

The peers serve the churn model's booster alone, one row a request, each in its own format. Tierwise
answers a **stored grade** or its **explanation** by id, or grades a **what-if** on all indicators
of a customer: baseline, churn and value models, points, tier, stages, referral, texts.
*Contributions* are the exact Shapley account of its score as numbers, as `pred_contrib` answers
for one booster; *explanation* is the same account with labels, values, percentiles and sentences in
two languages, 40 KB. The time beside `pred_contrib` is told of both. Its stored
answers come from memory once they were read ({payloads} customers in turn, all read before); the
line "nothing kept" reads every one from the store.
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure that was to be reached."""

    what: str
    found: float
    limit: float
    at_least: bool
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    def to_row(self) -> str:
        """Return a row of the Markdown table."""
        sign = "≥" if self.at_least else "≤"
        return (
            f"| {self.what} | {_short(self.found)}{self.unit} | {sign} {self.limit:g}{self.unit} "
            f"| {'reached' if self.reached else '**short**'} |"
        )


def goals(model: Row) -> list[Goal]:
    """Return the goals of one model that can be told from what was measured."""
    found = []
    for c in (1, 16):
        grade, plain = _rate(model, "Tierwise", _GRADE, c), _rate(model, *_MLFLOW, c)
        bare, other = _rate(model, "Tierwise", _BARE_WHAT_IF, c), _rate(model, *_MLSERVER, c)
        told, contrib = _rate(model, "Tierwise", _WHAT_IF, c), _rate(model, *_CONTRIB, c)
        split = _rate(model, "Tierwise", _SPLIT, c)
        pairs = (
            (f"stored grade / mlflow with signature, c={c}", grade, plain, 40.0, True),
            (f"simulate without explanation / MLServer, c={c}", bare, other, 1.0, True),
            (f"simulate with explanation / mlflow without, c={c}", told, plain, 5.0, True),
            (
                f"time of simulate with contributions / bare pred_contrib, c={c}",
                contrib,
                split,
                1.2,
                False,
            ),
            (
                f"time of simulate with explanation and texts / bare pred_contrib, c={c}",
                contrib,
                told,
                1.2,
                False,
            ),
        )
        found += [
            Goal(what, over / under, limit, at_least, "×")
            for what, over, under, limit, at_least in pairs
            if over and under
        ]
    ours = model["servers"].get("Tierwise")
    if ours is not None:
        found += [
            Goal(
                f"p99 / p50 of {cell['request']}, c=16",
                cell["p99"]["median"] / cell["p50"]["median"],
                3.0,
                False,
                "×",
            )
            for cell in ours["cells"]
            if cell["connections"] == 16
        ]
        found.append(
            Goal("memory of the worker, RSS", ours["rss_mb"]["median"], 250.0, False, " MB")
        )
        found.append(Goal("ready", ours["ready_seconds"]["median"], 4.0, False, " s"))
    return found


def page(results: Row) -> str:
    """Return the page as Markdown."""
    machine = results["machine"]
    text = [
        _INTRO.format(
            tool=f"`{results['tool']}`",
            payloads=400,
            rounds=results["rounds"],
            seconds=results["seconds"],
        ),
        "\n![Requests a second of every server](serving.svg)\n",
    ]
    for model in results["models"]:
        text.append(f"\n## {model['name'].capitalize()}\n\nModel: {model['told']}.\n")
        text.append("\n| To reach | Found | Goal | |\n|---|--:|--:|---|\n")
        text += [Goal(**goal).to_row() + "\n" for goal in model["goals"]]
        text.append(
            "\n| Server | Request | c=1 req/s | p50 / p99 ms | c=16 req/s | p50 / p99 ms "
            "| errors | ready s | RSS / PSS MB |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
        )
        for name, server in model["servers"].items():
            by = {(cell["request"], cell["connections"]): cell for cell in server["cells"]}
            for request in dict.fromkeys(cell["request"] for cell in server["cells"]):
                text.append(_server_row(name, request, server, by))
        text += [f"\n{name} is missing: it {why}.\n" for name, why in model["missing"].items()]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    text.append(
        f"\nMeasured {machine['begun'][:16].replace('T', ' ')} UTC in {machine['minutes']:g} "
        f"minutes on {machine['cpus']} CPUs ({machine['cpu']}), load average "
        f"{machine['load_before']:g} before; Python {machine['python']}, {packages}. "
        "Every peer has an environment of its own, with the versions of "
        "`tests/benchmarks/serving/peers/*.txt`.\n"
    )
    return "".join(text)


def draw(results: Row, path: Path) -> None:
    """Draw the requests a second at 16 connections, one panel a model."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "serving", "font.size": 9, "text.color": _INK})
    models = results["models"]
    figure, axes = plt.subplots(1, len(models), figsize=(5.5 * len(models), 4), squeeze=False)
    for axis, model in zip(axes[0], models, strict=True):
        bars = [
            (name, f"{name}: {cell['request']}", cell["rate"]["median"])
            for name, server in model["servers"].items()
            for cell in server["cells"]
            if cell["connections"] == 16
        ]
        bars.sort(key=lambda bar: bar[2])
        colours = [_OURS if name == "Tierwise" else _PEER for name, _, _ in bars]
        axis.barh([label for _, label, _ in bars], [rate for *_, rate in bars], color=colours)
        axis.set_xscale("log")
        axis.set_xlabel("requests/s at 16 connections, one worker")
        axis.set_title(model["name"], loc="left")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _server_row(name: str, request: str, server: Row, by: Mapping[tuple[str, int], Row]) -> str:
    cells = []
    for c in (1, 16):
        cell = by[request, c]
        rate = cell["rate"]
        cells.append(
            f"**{_short(rate['median'])}** ({_short(rate['min'])} to {_short(rate['max'])}) "
            f"| {_short(cell['p50']['median'])} / {_short(cell['p99']['median'])}"
        )
    errors = sum(by[request, c]["errors"] for c in (1, 16))
    return (
        f"| {name} | {request} | {' | '.join(cells)} | {errors} "
        f"| {server['ready_seconds']['median']:.1f} "
        f"| {server['rss_mb']['median']:.0f} / {server['pss_mb']['median']:.0f} |\n"
    )


def _rate(model: Row, server: str, request: str, connections: int) -> float | None:
    for cell in model["servers"].get(server, {"cells": []})["cells"]:
        if cell["request"] == request and cell["connections"] == connections:
            return float(cell["rate"]["median"])
    return None


def _short(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"
