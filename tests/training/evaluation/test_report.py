"""Pooled ranking figures are means over origins, by hand."""

from __future__ import annotations

import math

import pytest

from training.evaluation.report import OURS, POOLED, MetricRow


def row(origin: str, n: int, auc: float, model: str = OURS) -> MetricRow:
    return MetricRow("churn", model, origin, n, True, {"auc": auc, "brier": 0.2})


def test_origins_weigh_by_size_and_other_figures_stay() -> None:
    rows = [row("2025-01-01", 10, 0.6), row("2025-02-01", 30, 0.8), row("x", 99, 0.1, "other")]
    found = row(POOLED, 40, 0.4).ranked_within(rows)
    assert found.metrics["auc"] == pytest.approx(0.75)
    assert found.metrics["brier"] == 0.2
    assert (found.origin, found.n) == (POOLED, 40)
    assert set(found.metrics) == {"auc", "brier"}


def test_an_origin_without_a_figure_has_no_weight() -> None:
    rows = [row("2025-01-01", 10, 0.6), row("2025-02-01", 30, math.nan)]
    assert row(POOLED, 40, 0.4).ranked_within(rows).metrics["auc"] == pytest.approx(0.6)
    assert math.isnan(row(POOLED, 40, 0.4).ranked_within(rows[1:]).metrics["auc"])
