"""The picture of the certified automation bench: realised risk, and how many are decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

Row = Mapping[str, Any]

TITLES = {
    "online_retail_II": "Online Retail II",
    "journey": "Complete Journey",
    "b2b": "company (simulated)",
}
_INK, _OURS, _LIMIT = "#1f2933", "#1b7f5c", "#b3432b"


def draw(results: Row, path: Path) -> None:
    """Write the figure as SVG; the same results give the same bytes."""
    cases = results["cases"]
    if not cases:
        return
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "bench-certified", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(cases), figsize=(3.4 * len(cases), 4.6), squeeze=False)
    for column, case in enumerate(cases):
        rows = case["definitions"]["hindsight"]["issues"]["scheme"]
        days = [row["day"][2:7] if len(rows) <= 8 else row["day"][5:] for row in rows]
        for axis, key, limit in ((axes[0][column], "runs_risk", True),
                                 (axes[1][column], "runs_auto", False)):  # fmt: skip
            parts = axis.boxplot(
                [100 * np.array(row[key]) for row in rows],
                whis=(2.5, 97.5), showfliers=False, patch_artist=True, widths=0.6,
            )  # fmt: skip
            for box in parts["boxes"]:
                box.set(facecolor=_OURS, alpha=0.35, edgecolor=_OURS)
            for line in (*parts["medians"], *parts["whiskers"], *parts["caps"]):
                line.set(color=_OURS)
            if limit:
                axis.axhline(100 * results["promise"]["level"], color=_LIMIT, linewidth=1)
            axis.set_ylim(bottom=0)
            axis.set_xticks(range(1, len(days) + 1), days, rotation=90, fontsize=7)
            for side in ("top", "right"):
                axis.spines[side].set_visible(False)
        axes[0][column].set_title(TITLES[case["case"]], color=_INK, fontsize=9)
    axes[0][0].set_ylabel("realised risk, %")
    axes[1][0].set_ylabel("auto-decided, %")
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
