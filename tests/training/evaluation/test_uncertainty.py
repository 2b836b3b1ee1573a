"""The paired bootstrap against the textbook and against brute force."""

from __future__ import annotations

import numpy as np

from training.evaluation.uncertainty import difference_interval


def test_it_covers_the_truth_and_is_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(1)
    ids = np.array([f"c{i}" for i in range(2_000)])
    other = rng.normal(size=2_000)
    ours = other + rng.normal(0.1, 1.0, 2_000)
    mean, low, high = difference_interval(ids, ours, other, seed=5)
    assert mean == np.mean(ours - other)
    width = 2 * 1.96 * np.std(ours - other) / np.sqrt(2_000)
    assert abs((high - low) / width - 1) < 0.12
    assert low < mean < high


def test_repeating_a_customer_adds_no_certainty() -> None:
    rng = np.random.default_rng(2)
    ids = np.array([f"c{i}" for i in range(300)])
    loss = rng.normal(0.2, 1.0, 300)
    _, low, high = difference_interval(ids, loss, np.zeros(300), seed=5)
    again = np.tile(ids, 6)
    _, low6, high6 = difference_interval(again, np.tile(loss, 6), np.zeros(1_800), seed=5)
    np.testing.assert_allclose((low, high), (low6, high6), rtol=1e-9)


def test_one_customer_has_no_spread() -> None:
    ids = np.array(["c", "c"])
    assert difference_interval(ids, np.array([1.0, 3.0]), np.zeros(2), seed=1) == (2.0, 2.0, 2.0)
