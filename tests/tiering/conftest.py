"""A scheme and a population small enough to grade by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.scheme import Scheme, parse_scheme
from tiering.scores import Reference

SMALL = """
id = "small"
version = "1"
title_en = "Small"
title_zh = "小方案"

[referral]
band = 2.0
max_missing_weight = 0.3
refer_flags = ["dormant"]

[dimensions.value]
weight = 0.40
label_en = "Value"
label_zh = "价值"
[dimensions.value.indicators]
ltv = 0.6
net_amount_365d = 0.4

[dimensions.potential]
weight = 0.25
label_en = "Potential"
label_zh = "潜力"
[dimensions.potential.indicators]
net_amount_growth_90d = 1

[dimensions.risk]
weight = 0.15
label_en = "Risk"
label_zh = "风险"
[dimensions.risk.indicators]
churn_probability = 0.5
on_time_collection_rate_365d = 0.5

[dimensions.strategic]
weight = 0.15
label_en = "Strategic fit"
label_zh = "战略"
[dimensions.strategic.indicators]
tenure_days = 1

[dimensions.dynamic]
weight = 0.05
label_en = "Dynamics"
label_zh = "动态"
[dimensions.dynamic.indicators]
order_days_30d = 1

[[tiers]]
id = "top"
label_en = "Top"
label_zh = "顶层"
cut = 75

[[tiers]]
id = "middle"
label_en = "Middle"
label_zh = "中层"
cut = 60

[[tiers]]
id = "foot"
label_en = "Foot"
label_zh = "底层"
cut = 0
"""


@pytest.fixture
def small_text() -> str:
    return SMALL


@pytest.fixture
def small() -> Scheme:
    return parse_scheme(SMALL)


@pytest.fixture
def population(small: Scheme) -> Reference:
    """Every indicator: 10, 20, 30, 40, 50, whose mid-ranks are 10, 30, 50, 70, 90."""
    values = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    return Reference.fit(dict.fromkeys(small.indicators, values))


@pytest.fixture
def customer(small: Scheme) -> dict[str, FloatArray]:
    """One customer at 60 points everywhere: 35 lies midway between the knots 50 and 70."""
    values = {name: np.array([35.0]) for name in small.indicators}
    values["churn_probability"] = np.array([25.0])  # percentile 40, lower is better
    return values
