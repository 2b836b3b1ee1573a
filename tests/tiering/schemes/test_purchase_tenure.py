"""#42: strategic from 2000万 and 3 years, core from 500万, potential from 50万, basic below."""

from __future__ import annotations

import pytest


def customer(amount: float, days: float) -> dict[str, float]:
    return {"net_amount_365d": amount, "tenure_days": days}


def test_the_limits_of_the_document(grade) -> None:
    found = grade(
        "purchase-tenure",
        customer(20_000_000, 1095),  # exactly both limits
        customer(19_999_999, 4000),  # one short
        customer(5_000_000, 10),
        customer(4_999_999, 4000),
        customer(500_000, 10),
        customer(499_999, 4000),
        customer(0, 4000),
    )
    assert found.tiers == [
        "strategic", "core", "core", "potential", "potential", "basic", "basic",
    ]  # fmt: skip


def test_x8_large_but_young_is_core(grade) -> None:
    # 30 million, one day short of three years: undefined in the document, core here.
    assert grade("purchase-tenure", customer(30_000_000, 1094)).tiers == ["core"]


def test_score_and_distances_by_hand(grade) -> None:
    found = grade("purchase-tenure", customer(12_500_000, 2372.5), customer(2_750_000, 1095))
    # 12.5 million is midway from 5 (50) to 20 (75): 62.5; 2372.5 days midway from 1095 (50) to
    # 3650 (100): 75. .6 * 62.5 + .4 * 75 = 67.5.
    # 2.75 million is midway from .5 (25) to 5 (50): 37.5; .6 * 37.5 + .4 * 50 = 42.5.
    assert found.scores == [67.5, 42.5]
    assert found.tiers == ["core", "potential"]
    # Up: 75 - 62.5 (tenure is met); 50 - 37.5. Down: 62.5 - 50; 37.5 - 25.
    assert found.decisions.margin_up.tolist() == [12.5, 12.5]
    assert found.decisions.margin_down.tolist() == [12.5, 12.5]
    assert not found.decisions.referred.any()


def test_near_a_limit_the_panel_decides(grade) -> None:
    # 4.8 million is 200 000 / 180 000 = 1.11 points below 5 million, nearer than 1.5.
    found = grade("purchase-tenure", customer(4_800_000, 100))
    assert found.decisions.margin_up[0] == pytest.approx(200_000 / 180_000)
    assert found.decisions.referred.tolist() == [True]
    assert found.decisions.reasons == [("border_rule",)]


def test_unknown_tenure_could_be_strategic(grade) -> None:
    found = grade("purchase-tenure", customer(30_000_000, float("nan")))
    assert found.tiers == ["core"]
    assert found.decisions.best.tolist() == [0]
    assert "rule_data" in found.decisions.reasons[0]
    assert "Strategic customer" in found.decisions.reason_texts(0, "en")[0]
