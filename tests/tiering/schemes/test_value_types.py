"""#17: four value types, by profit rate and scale."""

from __future__ import annotations

from itertools import product


def at(profit: float, scale: float) -> dict[str, float]:
    return {
        "profit_contribution_rate_365d": profit, "service_cost_rate_365d": 100 - profit,
        "discount_rate_365d": 100 - profit, "net_amount_365d": scale, "order_days_365d": scale,
    }  # fmt: skip


def test_nine_cells(grade) -> None:
    found = grade("value-types", *(at(*cell) for cell in product((80, 50, 10), repeat=2)))
    names = ["高价值利润型", "高价值规模型", "中价值平衡型", "低价值消耗型"]
    assert [found.scheme.tiers[i].label_zh for i in found.decisions.tier] == [
        names[0], names[0], names[2],  # profit high: scale high, middle, low
        names[1], names[2], names[3],  # profit middle
        names[1], names[3], names[3],  # profit low: large is still scale, else it consumes
    ]  # fmt: skip


def test_a_customer_by_hand(grade) -> None:
    found = grade(
        "value-types",
        {
            "profit_contribution_rate_365d": 80, "service_cost_rate_365d": 30,
            "discount_rate_365d": 40, "net_amount_365d": 60, "order_days_365d": 40,
        },
    )  # fmt: skip
    assert found.score_of("profit") == [74]  # .6*80 + .2*70 + .2*60 = 48 + 14 + 12
    assert found.score_of("scale") == [54]  # 42 + 12
    assert found.scores == [64]
    assert found.tiers == ["profit"]
    # Best tier: nothing above. Down: profit loses 4 and the customer is balanced.
    assert found.decisions.margin_down.tolist() == [4]
