"""#50: the layer by profit, RFM inside with each layer's own bounds."""

from __future__ import annotations


def at(profit: float, days: float, frequency: float, monetary: float) -> dict[str, float]:
    return {
        "contribution_365d": profit, "net_amount_365d": profit,
        "days_since_last_order": days, "order_days_365d": frequency,
        "net_amount_total": monetary,
    }  # fmt: skip


def test_what_is_much_for_a_small_customer_is_little_for_a_large_one(grade) -> None:
    # Recency 80, frequency 75, amount 88 points, in every layer.
    same = (20, 75, 88)
    found = grade("pyramid-rfm", at(99, *same), at(96, *same), at(85, *same), at(40, *same))
    assert found.tiers == ["top", "large", "middle", "small"]
    assert found.segments == [
        "general_develop",  # top: 80 >= 70, 75 < 90, 88 < 99.5
        "general_develop",  # large: 80 >= 70, 75 < 85, 88 < 97
        "champion",  # middle: 80 >= 60, 75 >= 70, 88 >= 87
        "champion",  # small: 80 >= 40, 75 >= 40, 88 >= 40
    ]


def test_the_layer_does_not_depend_on_rfm(grade) -> None:
    found = grade("pyramid-rfm", at(96, 99, 1, 1), at(94, 1, 99, 99))
    assert found.tiers == ["large", "middle"]
    # .4*96 + .2*(100 - 99) + .2*1 + .2*1 = 38.4 + .6; .4*94 + .6*99 = 37.6 + 59.4
    assert found.scores == [39, 97]
    assert found.segments == ["general_win_back", "champion"]


def test_inside_small_by_hand(grade) -> None:
    found = grade("pyramid-rfm", at(10, 70, 45, 20), at(10, 50, 20, 60), at(10, 60, 40, 40))
    # recency 30, 50 and 40 points against 40
    assert found.segments == ["general_keep", "develop", "champion"]
