"""#51: the few who give 80 % of the revenue."""

from __future__ import annotations

import numpy as np


def test_ten_customers_by_hand(grade) -> None:
    # Revenue 1000 in all: 8 customers of 25 (200 together), one of 300, one of 500.
    revenue = np.array([25.0] * 8 + [300.0, 500.0])
    found = grade(
        "sme-80-20",
        *({"net_amount_365d": r} for r in (25, 300, 500)),
        population={"net_amount_365d": revenue},
    )
    # Half of the ties counts: up to 25 stand 200/2 = 100 of 1000, to 300 200 + 150, to 500
    # 500 + 250.
    assert found.scores == [10, 35, 75]
    # Two of ten customers hold 80 %.
    assert found.tiers == ["many", "vital", "vital"]


def test_equal_customers_are_all_needed(grade) -> None:
    # With the same revenue everywhere no few hold the most: everybody is at 50.
    found = grade("sme-80-20", {"net_amount_365d": 40.0},
                  population={"net_amount_365d": np.full(9, 40.0)})  # fmt: skip
    assert found.scores == [50]
    assert found.tiers == ["vital"]


def test_the_vital_few_hold_about_80_percent_of_a_skewed_population(grade) -> None:
    revenue = np.random.default_rng(4).pareto(1.2, 5000)
    found = grade("sme-80-20", *({"net_amount_365d": r} for r in revenue),
                  population={"net_amount_365d": revenue})  # fmt: skip
    vital = found.decisions.tier == 0
    assert 0.79 < revenue[vital].sum() / revenue.sum() < 0.81
    assert vital.mean() < 0.30
