"""#48: recency, frequency and amount, each high or low: eight segments."""

from __future__ import annotations

from itertools import product


def test_all_eight_by_hand(grade) -> None:
    # Points 70 or 30; recency counts days, so 30 days are 70 points.
    customers = [
        {"days_since_last_order": 100 - r, "order_days_365d": f, "net_amount_365d": m}
        for r, f, m in product((70, 30), repeat=3)
    ]
    found = grade("rfm-eight", *customers)
    labels = {c.id: c.label_zh for c in found.scheme.segments.classes}
    assert [labels[s] for s in found.segments] == [
        "重要价值客户",  # high high high
        "一般价值客户",  # high high low
        "重要发展客户",  # high low high
        "一般发展客户",  # high low low
        "重要保持客户",  # low high high
        "一般保持客户",  # low high low
        "重要挽留客户",  # low low high
        "一般挽留客户",  # low low low
    ]
    assert found.tiers == ["important", "general"] * 4
    # .3*70 + .3*70 + .4*70; .3*70 + .3*70 + .4*30 = 42 + 12; ...
    assert found.scores == [70, 54, 58, 42, 58, 42, 46, 30]


def test_without_a_recency_there_is_no_segment(grade) -> None:
    found = grade(
        "rfm-eight",
        {"days_since_last_order": float("nan"), "order_days_365d": 70, "net_amount_365d": 70},
    )
    assert found.decisions.segment.tolist() == [-1]
    assert found.tiers == ["important"]
