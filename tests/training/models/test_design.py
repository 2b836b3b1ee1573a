"""Model inputs: ratios to the baseline, each named after one source indicator."""

from __future__ import annotations

import numpy as np

from features.schema import CATALOGUE, FloatArray
from training.models.baseline import Baseline
from training.models.blocks import BLOCK_ROWS
from training.models.design import BASELINE, build

COLUMNS = ("net_amount_90d", "days_since_last_order", "average_order_value_365d")


def _baseline(value: FloatArray) -> Baseline:
    flat = np.full(len(value), 0.5)
    return Baseline(flat, flat, -flat, value, value, value)


def test_money_is_relative_and_the_rest_as_it_is() -> None:
    values = np.array([[100.0, 7.0, np.nan], [30.0, 90.0, 15.0]])
    design = build(COLUMNS, values, _baseline(np.array([50.0, 10.0])))
    assert design.names[:3] == (
        "net_amount_90d_to_baseline",
        "days_since_last_order",
        "average_order_value_365d_to_baseline",
    )
    assert design.source_indicator == (*COLUMNS, BASELINE, BASELINE, BASELINE)
    np.testing.assert_allclose(design.matrix[:, :3], [[2.0, 7.0, np.nan], [3.0, 90.0, 1.5]])
    np.testing.assert_allclose(design.matrix[0, 3:], [np.log(50.0), 0.5, -0.5])


def test_another_currency_moves_only_the_baseline_level() -> None:
    columns = tuple(CATALOGUE)
    rng = np.random.default_rng(1)
    values = rng.gamma(2.0, 10.0, (20, len(columns)))
    money = np.array([CATALOGUE[name].unit == "money" for name in columns])
    value = rng.gamma(2.0, 50.0, 20)
    euros = build(columns, values, _baseline(value))
    cents = build(columns, np.where(money, values * 100, values), _baseline(value * 100))
    level = euros.names.index("baseline_log_value")
    same = [i for i in range(len(euros.names)) if i != level]
    np.testing.assert_allclose(cents.matrix[:, same], euros.matrix[:, same])
    np.testing.assert_allclose(
        cents.matrix[:, level] - euros.matrix[:, level], np.log(100.0) * np.ones(20)
    )


def test_some_rows_of_many_are_what_the_slow_loop_makes_of_them() -> None:
    """More rows than are worked on at a time, some of them left out: the same to the bit."""
    columns = tuple(CATALOGUE)
    rng = np.random.default_rng(2)
    values = rng.gamma(2.0, 10.0, (2 * BLOCK_ROWS + 5, len(columns)))
    values[rng.random(values.shape) < 0.1] = np.nan
    rows = np.flatnonzero(rng.random(len(values)) < 0.7)
    start = _baseline(rng.gamma(2.0, 50.0, len(rows)))
    design = build(columns, values, start, rows=rows)
    chosen, inputs = values[rows], [n for n in columns if CATALOGUE[n].model_input]
    assert len(rows) > BLOCK_ROWS
    for place, name in enumerate(inputs):
        column = chosen[:, columns.index(name)]
        expected = column / start.value if CATALOGUE[name].unit == "money" else column
        assert np.array_equal(design.matrix[:, place], expected, equal_nan=True), name
    assert np.array_equal(build(columns, chosen, start).matrix, design.matrix, equal_nan=True)


def test_every_input_has_one_known_source_and_a_plain_name() -> None:
    columns = tuple(CATALOGUE)
    design = build(columns, np.ones((1, len(columns))), _baseline(np.ones(1)))
    assert len(set(design.names)) == len(design.names) == design.matrix.shape[1]
    inputs = {name for name in columns if CATALOGUE[name].model_input}
    assert set(design.source_indicator) == {*inputs, BASELINE}
    # The same for all customers of a snapshot: it would teach the trees the day.
    assert "season_index_next_90d" not in inputs
    # LightGBM's text format has no room for these
    assert not any(set(name) & set(' ",:[]{}') for name in design.names)
    assert design.matrix.flags.c_contiguous
