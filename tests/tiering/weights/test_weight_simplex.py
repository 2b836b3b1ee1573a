"""Centres, floors and rounding keep weights on the simplex."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from features.schema import FloatArray
from tiering.weights.signoff import rounded
from tiering.weights.simplex import centre, largest_remainder, raise_to_floor

points = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 1e-3)
panels = st.lists(points, min_size=1, max_size=9).map(
    lambda rows: np.array(rows) / np.array(rows).sum(axis=1, keepdims=True)
)


def total(point: FloatArray, panel: FloatArray) -> float:
    return float(np.linalg.norm(panel - point, axis=1).sum())


@given(panels)
def test_the_centre_lies_on_the_simplex_whoever_comes_first(panel: FloatArray) -> None:
    found = centre(panel)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert (found >= 0).all()
    order = np.random.default_rng(len(panel)).permutation(len(panel))
    assert total(centre(panel[order]), panel) == pytest.approx(total(found, panel), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(panels)
def test_no_point_is_nearer_to_all(panel: FloatArray) -> None:
    found = total(centre(panel), panel)
    best = minimize(total, panel.mean(axis=0), args=(panel,), method="Nelder-Mead", tol=1e-9)
    assert found <= best.fun + 1e-5
    assert found <= min(total(point, panel) for point in panel) + 1e-5


def test_centres_by_hand() -> None:
    corner = np.eye(3)
    assert centre(corner).tolist() == pytest.approx([1 / 3] * 3)
    assert centre(corner[:1]).tolist() == [1, 0, 0]
    assert centre(corner[:2]).tolist() == pytest.approx([0.5, 0.5, 0])
    # Three of four say the same: the fourth cannot move them, a mean would follow.
    assert centre(corner[[0, 0, 0, 1]]).tolist() == pytest.approx([1, 0, 0])
    # On a line the median is the middle answer, reached although the steps grow short.
    line = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    assert centre(line).tolist() == pytest.approx([0.2, 0.8])


def test_an_answer_far_out_moves_the_mean_not_the_centre() -> None:
    rng = np.random.default_rng(5)
    panel = np.array([0.4, 0.25, 0.15, 0.15, 0.05]) + rng.normal(0, 0.01, (15, 5))
    panel /= panel.sum(axis=1, keepdims=True)
    wild = panel.copy()
    wild[:4] = [0, 0, 0, 0, 1]
    assert np.abs(centre(wild) - centre(panel)).max() < 0.01
    assert np.abs(wild.mean(axis=0) - panel.mean(axis=0)).max() > 0.2


@given(points, st.floats(0, 0.25))
def test_nothing_falls_below_the_floor(row: list[float], floor: float) -> None:
    weights = np.array(row) / sum(row)
    found = raise_to_floor(weights, floor)
    assert found.sum() == pytest.approx(1, abs=1e-9)
    assert (found >= floor - 1e-12).all()
    high = found > floor + 1e-9
    if high.sum() > 1:  # those above keep their proportions
        kept = weights[high] / weights[high].sum()
        assert found[high] / found[high].sum() == pytest.approx(kept, abs=1e-9)


def test_floors_by_hand() -> None:
    # 0.02 lifted from 0; then .021 falls below by giving, and is lifted as well.
    found = raise_to_floor(np.array([0.579, 0.4, 0.0201, 0.0009]), 0.02)
    assert found.tolist() == pytest.approx([0.96 * 0.579 / 0.979, 0.96 * 0.4 / 0.979, 0.02, 0.02])
    assert raise_to_floor(np.array([0.5, 0.3, 0.2]), 1 / 3).tolist() == pytest.approx([1 / 3] * 3)


@given(points, st.integers(2, 9))
def test_rounded_weights_sum_to_exactly_1(row: list[float], decimals: int) -> None:
    weights = {str(k): w / sum(row) for k, w in enumerate(row)}
    found = rounded(weights, decimals)
    # As written into a scheme's TOML: no tail of binary fractions.
    assert sum(Decimal(repr(weight)) for weight in found.values()) == 1
    unit = 10.0**-decimals
    assert all(abs(found[name] - weights[name]) <= 4 * unit for name in weights)
    assert all(found[name] > 0 for name in weights if weights[name] > 0)


def test_remainders_by_hand() -> None:
    assert largest_remainder(np.array([1 / 3] * 3), 100).tolist() == [34, 33, 33]
    assert largest_remainder(np.array([0.405, 0.255, 0.34]), 100).tolist() == [41, 25, 34]
    assert rounded({"a": 0.998, "b": 0.001, "c": 0.001}, 2) == {"a": 0.98, "b": 0.01, "c": 0.01}
