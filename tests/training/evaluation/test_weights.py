"""Weights from data: planted ones come back, with intervals that hold them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.evaluation.rows_by_hand import judged
from tiering.scheme import load_scheme
from training.evaluation.judged import Forecast, Judged, pool
from training.evaluation.rows import OURS
from training.evaluation.weights import fit_weights, weights_from_data

SCHEME = load_scheme()
PLANTED = np.array([0.6, 0.3, 0.0, 0.1, 0.0])


def origins(planted: np.ndarray = PLANTED, n: int = 1_500) -> Judged:
    rng = np.random.default_rng(12)
    parts = []
    for month, season in ((1, 0.0), (2, 3.0)):
        scores = rng.uniform(0, 100, (n, 5))
        scores[:, 1] = 0.7 * scores[:, 1] + 0.3 * scores[:, 0]
        signal = 0.05 * scores @ planted + season + rng.normal(0, 0.5, n)
        net = np.expm1(np.maximum(signal, 0.0))
        scores[rng.random((n, 5)) < 0.05] = np.nan
        forecast = Forecast("ltv", 90, net, {OURS: net}, {})
        parts.append(judged(f"2025-0{month}-01", range(n), (forecast,), dimensions=scores))
    return pool(parts)


def test_planted_weights_come_back_through_a_season_and_gaps() -> None:
    found = weights_from_data(origins(), SCHEME, 4)
    rows = found["dimensions"]
    assert [row["dimension"] for row in rows] == [d.id for d in SCHEME.dimensions]
    assert [row["expert"] for row in rows] == [d.weight for d in SCHEME.dimensions]
    data = np.array([row["data"] for row in rows])
    assert data.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(data, PLANTED, atol=0.03)
    for row in rows:
        assert row["low"] <= row["data"] <= row["high"]
        assert row["high"] - row["low"] < 0.1
    assert found["data_spearman"] > found["expert_spearman"]
    assert (found["n"], found["horizon_days"]) == (3_000, 90)


def test_scores_that_explain_nothing_or_harm_have_no_weight() -> None:
    against = fit_weights(np.array([[-1.0], [1.0]]), np.array([1.0, -1.0]))
    assert np.isnan(against).all()
    assert np.isnan(fit_weights(np.zeros((4, 2)), np.ones(4))).all()
    harmful = weights_from_data(origins(np.array([1.0, 0.0, -0.5, 0.0, 0.0])), SCHEME, 4)
    assert harmful["dimensions"][2]["data"] == 0.0


@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_weights_are_shares_and_do_not_depend_on_the_unit(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(40, 3))
    outcome = design @ rng.uniform(0, 1, 3) + rng.normal(0, 0.1, 40)
    found = fit_weights(design, outcome)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(fit_weights(design, outcome * unit), found, atol=1e-9)
