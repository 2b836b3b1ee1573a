"""#44: core from 5万, 4 times a month, paid within 7 days; important from 1万 and 2 times."""

from __future__ import annotations

import numpy as np


def buyer(amount: float, days: float, dso: float = 5.0, **more: float) -> dict[str, float]:
    return {"net_amount_365d": amount, "order_days_365d": days, "dso_days_365d": dso, **more}


def test_the_limits_of_the_document(grade) -> None:
    found = grade(
        "retail",
        buyer(50_000, 48, 7),  # 4 a month are 48 a year
        buyer(50_000, 48, 8),  # pays too late for core
        buyer(49_999, 48),
        buyer(10_000, 24, 60),
        buyer(10_000, 23),  # fewer than 2 a month: unstable
        buyer(9_999, 100),
    )
    assert found.tiers == ["core", "important", "important", "important", "ordinary", "ordinary"]


def test_x8_sixty_thousand_but_three_times_a_month_is_important(grade) -> None:
    assert grade("retail", buyer(60_000, 36)).tiers == ["important"]


def test_score_and_distance_by_hand(grade) -> None:
    found = grade(
        "retail",
        buyer(
            30_000, 36, 4,
            active_month_share_12m=70, new_category_count_90d=90, referral_count_730d=30,
        ),
    )  # fmt: skip
    # 30 000 midway from 10 000 (40) to 50 000 (80); 36 midway from 24 (40) to 48 (80); 4 days
    # midway from 0 (100) to 8 (60); loyalty .5*70 + .25*90 + .25*30 = 65.
    assert found.score_of("purchase") == found.score_of("frequency") == [60]
    assert found.score_of("payment") == [80]
    assert found.score_of("loyalty") == [65]
    # .4*60 + .25*60 + .2*80 + .15*65 = 24 + 15 + 16 + 9.75
    assert found.scores == [64.75]
    # To core both amount and frequency lack 20 points; to lose important both have 20 to spare.
    assert found.decisions.margin_up.tolist() == [20]
    assert found.decisions.margin_down.tolist() == [20]


def test_without_invoices_nobody_is_core_and_the_panel_is_told(grade) -> None:
    nan = float("nan")
    found = grade(
        "retail",
        buyer(60_000, 50, nan),
        buyer(20_000, 30, nan),
        population={"dso_days_365d": np.full(50, nan)},
    )
    assert found.tiers == ["important", "important"]
    assert found.decisions.best.tolist() == [0, 1]
    assert found.decisions.referred.tolist() == [True, False]
    assert found.decisions.composite.switched_off == ("dso_days_365d",)
