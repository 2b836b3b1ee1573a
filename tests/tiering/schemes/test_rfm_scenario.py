"""#52: RFM whose weights follow the scenario, a stage of life."""

from __future__ import annotations

RFM = {"days_since_last_order": 10, "order_days_365d": 30, "net_amount_365d": 60}  # R 90 points
GROWN = {"tenure_days": 800, "repeat_count": 12}


def test_the_same_rfm_in_every_scenario_by_hand(grade) -> None:
    new = {**RFM, "tenure_days": 30, "repeat_count": 0}
    mature = {**RFM, **GROWN}
    growing = {**mature, "net_amount_growth_90d": 0.5, "net_amount_slope_6m": 0.1}
    lost = {**mature, "days_since_last_order": 730, "recency_to_interval_ratio": 20}
    still = {"net_amount_growth_90d": 0.0, "net_amount_slope_6m": 0.0}
    found = grade(
        "rfm-scenario",
        *({**still, "recency_to_interval_ratio": 1.0, **c} for c in (new, mature, growing, lost)),
    )
    assert found.scores == [
        54,  # new .3*90 + .5*30 + .2*60 = 27 + 15 + 12
        57,  # mature .2*90 + .3*30 + .5*60 = 18 + 9 + 30
        60,  # growing is not listed: .3*90 + .3*30 + .4*60 = 27 + 9 + 24
        33.3,  # lost is not listed; 730 days are beyond the 99th percentile: R 1 point, .3 + 9 + 24
    ]
    assert found.tiers == ["steady", "steady", "steady", "casual"]


def test_dormant_customers_are_told_apart_by_recency(grade) -> None:
    silent = {**GROWN, "recency_to_interval_ratio": 4, "order_days_365d": 20, "net_amount_365d": 20}
    found = grade(
        "rfm-scenario",
        {**silent, "days_since_last_order": 60},  # R 40 points
        {**silent, "days_since_last_order": 95},  # R 5 points
    )
    # .6*40 + .2*20 + .2*20 = 32; .6*5 + 8 = 11
    assert found.scores == [32, 11]
    assert found.tiers == ["casual", "silent"]
