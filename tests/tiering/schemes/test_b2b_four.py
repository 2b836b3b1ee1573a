"""#43: finance 30, cooperation 30, demand 20, potential 20; cuts 80/60/40."""

from __future__ import annotations


def test_the_documents_weights(grade) -> None:
    scheme = grade("b2b-four", {}).scheme
    assert {d.id: d.weight for d in scheme.dimensions} == {
        "finance": 0.30, "cooperation": 0.30, "demand": 0.20, "potential": 0.20,
    }  # fmt: skip
    assert [t.cut for t in scheme.tiers] == [80, 60, 40, 0]
    assert [t.label_zh for t in scheme.tiers] == ["核心客户", "重要客户", "常规客户", "潜在客户"]


def test_a_customer_by_hand(grade) -> None:
    found = grade(
        "b2b-four",
        {
            "net_amount_365d": 90, "average_order_value_365d": 70,
            "on_time_collection_rate_365d": 80,
            "tenure_days": 60, "order_days_365d": 80, "contract_renewal_rate_730d": 40,
            "custom_order_share_365d": 70, "inbound_interaction_count_180d": 95,
            "industry_index_change_12m": 40, "expansion_plan_score": 60,
            "referral_count_730d": 50,
        },
    )  # fmt: skip
    # finance .5*90 + .2*70 + .3*80 = 45 + 14 + 24; cooperation .4*60 + .35*80 + .25*40
    # = 24 + 28 + 10; demand .6*70 + .4*95 = 42 + 38; potential .35*40 + .35*60 + .3*50 = 50
    assert found.score_of("finance") == [83]
    assert found.score_of("cooperation") == [62]
    assert found.score_of("demand") == [80]
    assert found.score_of("potential") == [50]
    # .3*83 + .3*62 + .2*80 + .2*50 = 24.9 + 18.6 + 16 + 10
    assert found.scores == [69.5]
    assert found.tiers == ["important"]
    assert found.decisions.margin_up.tolist() == [10.5]
    assert found.decisions.margin_down.tolist() == [9.5]


def test_x8_between_59_and_60(grade) -> None:
    names = grade("b2b-four", {}).scheme.indicators
    levels = (80, 79.5, 60, 59.5, 40, 39.5)  # everywhere, so the score is the same
    found = grade("b2b-four", *(dict.fromkeys(names, level) for level in levels))
    assert found.scores == list(levels)
    assert found.tiers == ["core", "important", "important", "regular", "regular", "latent"]
