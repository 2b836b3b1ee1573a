"""#49: four layers by profit contribution."""

from __future__ import annotations

import numpy as np


def at(points: float, amount: float | None = None) -> dict[str, float]:
    return {
        "contribution_365d": points,
        "net_amount_365d": points if amount is None else amount,
    }


def test_layers_at_their_borders(grade) -> None:
    found = grade("pyramid", *map(at, (99, 98.5, 95, 94.5, 80, 79.5, 1)))
    assert found.tiers == ["top", "large", "large", "middle", "middle", "small", "small"]
    assert found.scores == [99, 98.5, 95, 94.5, 80, 79.5, 1]


def test_profit_before_revenue_by_hand(grade) -> None:
    # .8*97 + .2*87 = 77.6 + 17.4 = 95: large; the other way round .8*87 + .2*97 = 89: middle.
    found = grade("pyramid", at(97, 87), at(87, 97))
    assert found.scores == [95, 89]
    assert found.tiers == ["large", "middle"]


def test_without_costs_revenue_takes_over_and_one_customer_is_referred(grade) -> None:
    nan = float("nan")
    alone = grade("pyramid", at(nan, 97))
    assert alone.scores == [97]
    assert "missing_weight" in alone.decisions.reasons[0]
    world = grade("pyramid", at(nan, 97), population={"contribution_365d": np.full(50, nan)})
    assert world.tiers == ["large"]
    assert world.decisions.composite.switched_off == ("contribution_365d",)
    assert world.decisions.referred.tolist() == [False]


def test_shares_of_a_population(grade) -> None:
    found = grade("pyramid", *map(at, np.arange(0.05, 100, 0.1)),
                  population=dict.fromkeys(at(0), np.arange(0.05, 100, 0.1)))  # fmt: skip
    shares = np.bincount(found.decisions.tier, minlength=4) / 1000
    assert shares.tolist() == [0.010, 0.040, 0.150, 0.800]
