"""#47: the strategic team from 1000万, the key team from 500万."""

from __future__ import annotations

import pytest


def test_the_limits_of_the_document(grade) -> None:
    amounts = (10_000_000, 9_999_999, 5_000_000, 4_999_999, 0, -10)
    found = grade("team-split", *({"net_amount_365d": amount} for amount in amounts))
    assert found.tiers == [
        "strategic_team", "key_team", "key_team", "sales_team", "sales_team", "sales_team",
    ]  # fmt: skip


def test_score_by_hand(grade) -> None:
    found = grade("team-split", {"net_amount_365d": 7_000_000})
    # 2 of the 5 million between 50 and 75 points
    assert found.scores == [60]
    assert found.decisions.margin_up == pytest.approx([15])
    assert found.decisions.margin_down == pytest.approx([10])
