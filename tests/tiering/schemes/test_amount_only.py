"""#12: by amount alone where data are poor, with the confidence that deserves."""

from __future__ import annotations

import numpy as np
import pytest


def test_customers_by_hand(grade) -> None:
    found = grade(
        "amount-only",
        {"net_amount_365d": 95, "net_amount_total": 85},  # 76 + 17 = 93
        {"net_amount_365d": 80, "net_amount_total": 50},  # 64 + 10 = 74
        {"net_amount_365d": 45, "net_amount_total": 45},  # 45
        {"net_amount_365d": 20, "net_amount_total": 90},  # 16 + 18 = 34
    )
    assert found.scores == [93, 74, 45, 34]
    assert found.tiers == ["large", "upper", "middle", "small"]
    assert found.decisions.confidence.tolist() == [0.4] * 4


def test_less_data_less_confidence(grade) -> None:
    found = grade("amount-only", {"net_amount_365d": 80, "net_amount_total": float("nan")})
    # 20 % of the weight is missing: .4 * .8
    assert found.decisions.confidence == pytest.approx([0.32])


def test_orders_alone_suffice(grade) -> None:
    scheme = grade("amount-only", {}).scheme
    nan = np.full(50, np.nan)
    poor = dict.fromkeys(("net_amount_growth_90d", "on_time_collection_rate_365d"), nan)
    found = grade("amount-only", {"net_amount_365d": 95, "net_amount_total": 95}, population=poor)
    assert found.decisions.composite.switched_off == ()
    assert found.tiers == ["large"]
    assert scheme.confidence == 0.4
