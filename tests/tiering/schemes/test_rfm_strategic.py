"""#46: RFM and strategic value, two by two."""

from __future__ import annotations


def customer(rfm: float, strategic: float) -> dict[str, float]:
    return {
        "days_since_last_order": 100 - rfm, "order_days_365d": rfm, "net_amount_365d": rfm,
        "strategic_match_score": strategic, "industry_standing_score": strategic,
        "tenure_days": strategic,
    }  # fmt: skip


def test_four_cells(grade) -> None:
    found = grade(
        "rfm-strategic", customer(80, 90), customer(80, 20), customer(30, 90), customer(30, 20)
    )
    assert [found.scheme.tiers[i].label_zh for i in found.decisions.tier] == [
        "战略客户", "重点客户", "潜力客户", "一般客户",
    ]  # fmt: skip


def test_axes_and_distances_by_hand(grade) -> None:
    found = grade(
        "rfm-strategic",
        {
            "days_since_last_order": 20, "order_days_365d": 60, "net_amount_365d": 45,
            "strategic_match_score": 30, "industry_standing_score": 50, "tenure_days": 45,
        },
    )  # fmt: skip
    # R 100 - 20 = 80: .3*80 + .3*60 + .4*45 = 24 + 18 + 18; .4*30 + .2*50 + .4*45 = 12 + 10 + 18
    assert found.score_of("rfm") == [60]
    assert found.score_of("strategic") == [40]
    assert found.tiers == ["key"]
    assert found.decisions.margin_up.tolist() == [10]  # strategic lacks 10
    # Worse are potential (rfm loses 10, strategic gains 10) and general (rfm loses 10).
    assert found.decisions.margin_down.tolist() == [10]


def test_the_middle_is_high_and_its_neighbourhood_the_panels(grade) -> None:
    found = grade("rfm-strategic", customer(50, 90), customer(49, 90))
    assert found.tiers == ["strategic", "potential"]
    assert found.decisions.referred.tolist() == [True, True]
    assert found.decisions.reasons == [("border_rule",), ("border_rule",)]


def test_an_axis_without_data_stands_low_and_may_be_high(grade) -> None:
    nan = float("nan")
    found = grade("rfm-strategic", customer(80, nan))
    assert found.tiers == ["key"]
    assert found.decisions.best.tolist() == [0]
    assert "rule_data" in found.decisions.reasons[0]
