"""#52: five tiers for a supply chain."""

from __future__ import annotations


def test_a_customer_by_hand(grade) -> None:
    found = grade(
        "supply-chain-five",
        {
            "net_amount_365d": 80, "order_days_365d": 60,
            "net_amount_cv_6m": 20, "order_interval_cv": 40, "active_month_share_12m": 50,
            "on_time_collection_rate_365d": 70, "contract_fulfilment_rate_730d": 60,
            "return_rate_365d": 30,
            "share_of_wallet": 90, "tenure_days": 40, "custom_order_share_365d": 20,
        },
    )  # fmt: skip
    assert found.score_of("volume") == [72]  # 48 + 24
    assert found.score_of("steadiness") == [65]  # .4*80 + .3*60 + .3*50
    assert found.score_of("reliability") == [67]  # .4*70 + .3*60 + .3*70 = 28 + 18 + 21
    assert found.score_of("collaboration") == [55]  # 36 + 14 + 5
    # .35*72 + .25*65 + .2*67 + .2*55 = 25.2 + 16.25 + 13.4 + 11
    assert found.scores == [65.85]
    assert found.tiers == ["key_link"]


def test_five_tiers_at_their_borders(grade) -> None:
    lower = {"net_amount_cv_6m", "order_interval_cv", "return_rate_365d"}
    names = grade("supply-chain-five", {}).scheme.indicators
    levels = (75, 74.5, 60, 59.5, 45, 44.5, 30, 29.5)
    found = grade(
        "supply-chain-five",
        *({n: 100 - level if n in lower else level for n in names} for level in levels),
    )
    assert found.scores == list(levels)
    assert found.decisions.tier.tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
