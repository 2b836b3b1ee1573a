"""Points behind the plots, on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation import curves


def test_reliability_bins_are_of_equal_count_and_ascending() -> None:
    probability = np.array([0.9, 0.1, 0.2, 0.8])
    label = np.array([1.0, 0.0, 1.0, 1.0])
    found = curves.reliability(label, probability, bins=2)
    assert [point["n"] for point in found] == [2, 2]
    assert [point["predicted"] for point in found] == pytest.approx([0.15, 0.85])
    assert [point["observed"] for point in found] == pytest.approx([0.5, 1.0])


def test_lift_of_a_perfect_order() -> None:
    label = np.array([0.0, 0.0, 0.0, 1.0])
    found = curves.lift(label, np.array([0.1, 0.2, 0.3, 0.9]), points=4)
    assert found[0] == {"share": 0.25, "caught": 1.0, "lift": 4.0}
    assert found[-1] == {"share": 1.0, "caught": 1.0, "lift": 1.0}


def test_lift_without_churners_is_empty() -> None:
    assert curves.lift(np.zeros(3), np.arange(3.0)) == []


def test_deciles_are_best_first() -> None:
    predicted = np.arange(20.0)
    found = curves.deciles(predicted * 2, predicted)
    assert found[0] == {"decile": 1, "n": 2, "predicted": 18.5, "realised": 37.0}
    assert len(found) == 10


def test_few_customers_make_fewer_deciles() -> None:
    assert len(curves.deciles(np.ones(3), np.arange(3.0))) == 3
