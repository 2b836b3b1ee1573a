"""One picture of the whole bench: ours against the best baseline, by case and metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from tests.benchmarks.models.bench_reading import JUDGED, Comparison, comparisons

_INK, _BETTER, _WORSE, _RULE = "#1f2933", "#1b7f5c", "#b3432b", "#c9d1d9"
_TARGETS = {"churn": "churn", "ltv": "LTV"}
_NAMES = {
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "mae": "MAE",
    "rmse": "RMSE",
    "normalised_gini": "nGini",
    "spearman": "Spearman",
}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure as SVG; the same results give the same bytes."""
    # two cases may differ in one target only; the other is drawn once
    rows = list(
        dict.fromkeys(
            (_title(case, comparison), tuple(_bars(comparison)))
            for case in results["cases"]
            for comparison in comparisons(case["report"])
        )
    )
    if not rows:
        return
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "bench-models", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    height = 0.6 + sum(0.19 * len(bars) + 0.25 for _, bars in rows)
    drawn, axes = plt.subplots(figsize=(8, height))
    at, places, names = 0.0, [], []
    for title, bars in rows:
        axes.text(0, at, f" {title}", ha="left", va="center", color=_INK, weight="bold", fontsize=8)
        at -= 1
        for metric, gain in bars:
            axes.barh(at, 100 * gain, height=0.7, color=_BETTER if gain > 0 else _WORSE)
            axes.text(
                100 * gain, at, f" {100 * gain:+.1f} % ", va="center", color=_INK, fontsize=7,
                ha="left" if gain > 0 else "right",
            )  # fmt: skip
            places.append(at)
            names.append(_NAMES[metric])
            at -= 1
        at -= 0.4
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_yticks(places, names)
    axes.set_ylim(at, 1)
    axes.margins(x=0.15)
    axes.set_xlabel("better (right) or worse (left) than the best baseline on that metric, %")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    drawn.tight_layout()
    drawn.savefig(path, metadata={"Date": None})
    plt.close(drawn)


def _bars(comparison: Comparison) -> list[tuple[str, float]]:
    found = ((metric, comparison.gain(metric)) for metric in JUDGED[comparison.target])
    return [(metric, gain) for metric, gain in found if gain is not None]


def _title(case: Mapping[str, Any], comparison: Comparison) -> str:
    simulated = " (simulated)" if case["simulated"] else ""
    return (
        f"{case['data']}{simulated}: {_TARGETS[comparison.target]}, {comparison.horizon_days} days"
    )
