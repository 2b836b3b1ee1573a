"""The regression that trees start from: what it finds, what it leaves out, what it adds up to."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from features.schema import FloatArray
from training.models.linear import Linear, fit_linear

ROWS = 6000


@pytest.fixture(scope="module")
def market() -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """Three days; the third input only tells the day, whose level moves the label."""
    rng = np.random.default_rng(8)
    day = rng.integers(0, 3, ROWS)
    matrix = rng.normal(size=(ROWS, 5))
    matrix[:, 2] = day
    matrix[:, 3] = matrix[:, 0]  # says the same as the first
    matrix[:, 4] = 7.0  # says nothing
    matrix[rng.random(ROWS) < 0.2, 1] = np.nan
    unknown = np.isnan(matrix[:, 1])
    odds = 1.5 * matrix[:, 0] + np.where(unknown, 1.0, 0.0) + np.array([-2.0, 0.0, 2.0])[day]
    label = (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return matrix, label, day


def test_inputs_that_matter_have_weight_and_days_have_effects(
    market: tuple[FloatArray, FloatArray, npt.NDArray[np.int64]],
) -> None:
    matrix, label, day = market
    linear, effect = fit_linear(matrix, label, day, l2=0.01)
    weight = dict(zip(linear.term.tolist(), linear.weight.tolist(), strict=True))
    assert weight[0] > 0.8
    assert weight[6] > 0.3  # the flag of the second input: unknown means leaving
    assert abs(weight[2]) < 0.1  # the day is no news about a customer
    assert 3 not in weight  # the twin, and the constant, got no weight of their own
    assert 4 not in weight
    assert np.all(np.diff(effect) > 1.0)


def test_a_heavier_penalty_says_less(
    market: tuple[FloatArray, FloatArray, npt.NDArray[np.int64]],
) -> None:
    size = [float(np.abs(fit_linear(*market, l2=l2)[0].weight).sum()) for l2 in (0.01, 0.1, 1.0)]
    assert size[0] > size[1] > size[2] > 0


def test_contributions_add_up_and_a_row_does_not_depend_on_its_batch(
    market: tuple[FloatArray, FloatArray, npt.NDArray[np.int64]],
) -> None:
    matrix = market[0]
    linear, _ = fit_linear(*market, l2=0.1)
    margin = linear.margin(matrix)
    assert np.array_equal(linear.margin(matrix, threads=2), margin)
    np.testing.assert_allclose(linear.contributions(matrix).sum(axis=1), margin, atol=1e-12)
    for row in range(0, ROWS, 601):
        assert linear.margin(matrix[row : row + 1])[0] == margin[row]
    assert linear.margin(matrix[:0]).shape == (0,)


def test_a_fit_survives_json_bit_for_bit(
    market: tuple[FloatArray, FloatArray, npt.NDArray[np.int64]],
) -> None:
    linear, _ = fit_linear(*market, l2=0.1)
    again = Linear.from_dict(json.loads(json.dumps(linear.to_dict())))
    assert np.array_equal(again.margin(market[0]), linear.margin(market[0]))
