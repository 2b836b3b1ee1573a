"""Cells and tables of the bench's page: a metric's name, and its figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NAMES = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "precision_top_decile": "precision in top decile",
    "mae": "MAE",
    "rmse": "RMSE",
    "spearman": "Spearman",
    "normalised_gini": "nGini",
    "decile_mape": "decile MAPE",
    "top_decile_share": "top-decile share",
    "top_decile_lift": "top-decile lift",
}
_MONEY = frozenset({"mae", "rmse"})


def number_of(metric: str, value: float | None, *, sign: bool = False) -> str:
    """Return a figure of a metric; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    plus = "+" if sign else ""
    if metric in _MONEY:
        return f"{value:{plus},.{0 if abs(value) >= 1000 else 1}f}"
    return f"{value:{plus}.{2 if metric == 'top_decile_lift' else 4 if sign else 3}f}"


def percent(value: float | None) -> str:
    """Return a share in percent; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
