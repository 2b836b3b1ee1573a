"""#45: 50/30/20, min-max, cuts 90/70/50; X1 and X2 repaired."""

from __future__ import annotations

import pytest


def test_the_documents_example(grade) -> None:
    # Document 004: 0.8, 0.6 and 0.7 of the bounds with 25, 15 and 10 of 50. X2: the document
    # has .8*25% + .6*15% + .7*10% = .36, already weighted, then times 50 % again.
    found = grade(
        "weighted-50-30-20",
        {
            "net_amount_180d": 800_000,  # of 0 .. 1 000 000
            "tenure_days": 1095,  # of 0 .. 1825: .6
            "gross_margin_rate_365d": 0.28,  # of 0 .. .4: .7
            "interaction_count_90d": 6,  # of 0 .. 12: .5
            "complaint_count_180d": 1,  # of 0 .. 5, fewer is better: .8
            "login_week_share_12w": 0.15,
            "industry_index_change_12m": 0.05,  # of -.2 .. .2: .625
            "size_fit_score": 50,
        },
    )
    # .5*.8 + .3*.6 + .2*.7 = .40 + .18 + .14
    assert found.score_of("value") == [72]
    # (15*50 + 10*80 + 10*15) / 35 = 1700 / 35; (8*62.5 + 7*50) / 15 = 850 / 15
    assert found.score_of("behaviour") == [pytest.approx(1700 / 35, abs=1e-8)]
    assert found.score_of("outlook") == [pytest.approx(850 / 15, abs=1e-8)]
    # 36 + .3 * 48.5714 + .2 * 56.6667 = 36 + 14.5714 + 11.3333
    assert found.scores == [pytest.approx(36 + 510 / 35 + 170 / 15, abs=1e-8)]
    assert found.tiers == ["ordinary"]


def test_x2_full_marks_reach_100(grade) -> None:
    best = {
        "net_amount_180d": 2_000_000, "tenure_days": 2000, "gross_margin_rate_365d": 0.5,
        "interaction_count_90d": 30, "complaint_count_180d": 0, "login_week_share_12w": 1,
        "industry_index_change_12m": 0.3, "size_fit_score": 100,
    }  # fmt: skip
    worst = dict.fromkeys(best, -1e9) | {"complaint_count_180d": 9}
    found = grade("weighted-50-30-20", best, worst)
    assert found.scores == [100, 0]
    assert found.tiers == ["strategic", "observed"]


def test_x8_between_the_documents_integers(grade) -> None:
    # Every indicator at the same share of its bounds gives that share as the score.
    def at(share: float) -> dict[str, float]:
        return {
            "net_amount_180d": 1e6 * share, "tenure_days": 1825 * share,
            "gross_margin_rate_365d": 0.4 * share, "interaction_count_90d": 12 * share,
            "complaint_count_180d": 5 * (1 - share), "login_week_share_12w": share,
            "industry_index_change_12m": 0.4 * share - 0.2, "size_fit_score": 100 * share,
        }  # fmt: skip

    found = grade("weighted-50-30-20", *map(at, (0.90, 0.895, 0.70, 0.695, 0.50, 0.495)))
    assert found.tiers == ["strategic", "key", "key", "ordinary", "ordinary", "observed"]
