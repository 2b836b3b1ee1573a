"""#52: value, compliance and potential as three axes."""

from __future__ import annotations

from itertools import product


def at(value: float, compliance: float, potential: float) -> dict[str, float]:
    return {
        "net_amount_365d": value, "gross_margin_rate_365d": value,
        "contract_fulfilment_rate_730d": compliance, "on_time_collection_rate_365d": compliance,
        "dispute_rate_365d": 100 - compliance, "return_rate_365d": 100 - compliance,
        "net_amount_growth_90d": potential, "category_count_180d": potential,
        "expansion_plan_score": potential,
    }  # fmt: skip


def test_eight_cells(grade) -> None:
    found = grade("value-compliance-potential", *(at(*c) for c in product((80, 20), repeat=3)))
    assert found.tiers == [
        "partner", "pillar",  # valuable, compliant: with and without potential
        "watched", "watched",  # valuable, not compliant
        "seed", "basic",
        "watched", "watched",
    ]  # fmt: skip


def test_axes_by_hand(grade) -> None:
    found = grade(
        "value-compliance-potential",
        {
            "net_amount_365d": 70, "gross_margin_rate_365d": 30,
            "contract_fulfilment_rate_730d": 40, "on_time_collection_rate_365d": 20,
            "dispute_rate_365d": 60, "return_rate_365d": 85,
            "net_amount_growth_90d": 40, "category_count_180d": 50,
            "expansion_plan_score": 90,
        },
    )  # fmt: skip
    assert found.score_of("value") == [54]  # 42 + 12
    assert found.score_of("compliance") == [30]  # .35*40 + .25*20 + .2*40 + .2*15 = 14+5+8+3
    assert found.score_of("potential") == [53]  # 20 + 15 + 18
    assert found.tiers == ["partner"]  # 30 is the inclusive bound of compliance
    assert found.decisions.margin_down.tolist() == [0]
    assert found.decisions.referred.tolist() == [True]
