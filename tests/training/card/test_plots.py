"""Figures show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest

from training.card import plots
from training.evaluation.report import OURS, POOLED, BacktestReport, MetricRow


@pytest.fixture
def report() -> BacktestReport:
    points = [{"n": 10, "predicted": 0.1, "observed": 0.2}]
    rows = tuple(
        MetricRow("churn", model, origin, 10, whole, {"auc": value})
        for model, whole, value in (("other", True, 0.6), (OURS, True, 0.8), ("part", False, 0.9))
        for origin in ("2025-01-01", "2025-02-01", POOLED)
    )
    return BacktestReport(
        facts={},
        counts=(),
        rows=rows,
        tiers=(),
        tier_ids=(),
        curves={
            "reliability": {"other": points, OURS: points},
            "lift": {OURS: [{"share": 0.5, "caught": 0.9, "lift": 1.8}]},
            "deciles": {OURS: [{"decile": 1, "n": 5, "predicted": 9.0, "realised": 8.0}]},
        },
    )


def test_reliability_puts_ours_first_and_in_front_of_the_diagonal(report: BacktestReport) -> None:
    figure = plots.reliability(report, title="t", x="x", y="y")
    assert [trace.name for trace in figure.data] == [None, OURS, "other"]
    assert (figure.data[1].x, figure.data[1].y) == ((0.1,), (0.2,))
    assert figure.layout.title.text == "t"


def test_lift_starts_at_nothing(report: BacktestReport) -> None:
    figure = plots.lift(report, title="t", x="x", y="y")
    assert figure.data[1].x == (0.0, 0.5)
    assert figure.data[1].y == (0.0, 0.9)


def test_deciles_compare_predicted_and_realised(report: BacktestReport) -> None:
    figure = plots.deciles(report, title="t", x="x", y="y", realised="实际")
    assert [(trace.name, trace.y) for trace in figure.data] == [(OURS, (9.0,)), ("实际", (8.0,))]


def test_by_origin_leaves_out_pooled_figures_and_partial_models(report: BacktestReport) -> None:
    figure = plots.by_origin(report, "churn", "auc", title="t")
    assert [trace.name for trace in figure.data] == [OURS, "other"]
    assert figure.data[0].x == ("2025-01-01", "2025-02-01")


def test_matrix_shows_counts_and_row_shares() -> None:
    cells = ((3, 1), (0, 0))
    figure = plots.matrix(cells, ["A", "B"], title="t", rows="r", columns="c")
    heat = figure.data[0]
    np.testing.assert_allclose(heat.z, [[0.75, 0.25], [0.0, 0.0]])
    assert heat.text[0][0] == "3<br>75%"
    assert figure.layout.yaxis.autorange == "reversed"


def test_beeswarm_orders_by_strength_and_keeps_every_dot() -> None:
    rng = np.random.default_rng(3)
    phi = rng.normal(size=(50, 3)) * np.array([0.1, 5.0, 1.0])
    values = rng.normal(size=(50, 3))
    values[:, 0] = np.nan
    figure = plots.beeswarm(["a", "b", "c"], phi, values, {"b": "Bee"}, title="t", x="x", top=2)
    assert list(figure.layout.yaxis.ticktext) == ["c", "Bee"]
    np.testing.assert_array_equal(figure.data[-1].x, phi[:, 1])
    assert np.abs(np.asarray(figure.data[-1].y) - 1).max() < 0.5
    assert figure.data[0].marker.color.max() == 1.0


def test_beeswarm_thins_a_crowd_and_greys_the_unknown() -> None:
    phi = np.ones((2_000, 1))
    figure = plots.beeswarm(["a"], phi, np.full((2_000, 1), np.nan), {}, title="t", x="x")
    assert len(figure.data[0].x) <= plots.MAX_POINTS
    assert set(figure.data[0].marker.color) == {-1.0}
