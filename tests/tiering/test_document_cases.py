"""Cases that the documents tell in words, graded by a scheme that weighs what they weigh."""

from __future__ import annotations

import numpy as np
import pytest

from tiering.assign import decide
from tiering.scheme import Scheme, parse_scheme
from tiering.scores import Reference

TEXT = """
id = "opportunity"
version = "1"
title_en = "Opportunity"
title_zh = "机会"
[referral]
band = 1.0
max_missing_weight = 0.5
[dimensions.value]
weight = 0.5
label_en = "Value"
label_zh = "价值"
indicators = { net_amount_365d = 1.0 }
[dimensions.potential]
weight = 0.45
label_en = "Potential"
label_zh = "潜力"
[dimensions.potential.indicators]
industry_index_change_12m = 0.5
expansion_plan_score = 0.5
[dimensions.innovation]
weight = 0.05
label_en = "Innovation"
label_zh = "创新"
[dimensions.innovation.indicators]
patent_count = 0.5
rd_spend_rate = 0.5
[[tiers]]
id = "high"
label_en = "High"
label_zh = "高"
cut = 50
[[tiers]]
id = "low"
label_en = "Low"
label_zh = "低"
cut = 0
"""
NAMES = (
    *("net_amount_365d", "industry_index_change_12m", "expansion_plan_score"),
    *("patent_count", "rd_spend_rate"),
)
# Eleven customers of ascending figures: percentiles of 0 to 10 are 4.5, 13.6, ... 95.5.
REFERENCE = Reference.fit(
    {
        "net_amount_365d": np.arange(11) * 2e6,
        "industry_index_change_12m": np.linspace(-0.5, 0.5, 11),
        "expansion_plan_score": np.arange(11) * 10.0,
        "patent_count": np.arange(11) * 4.0,
        "rd_spend_rate": np.arange(11) / 50,
    }
)
# A buys for 12 million in a declining industry; B for 8 million, plans 50 branches and
# holds patents.
A = (12e6, -0.4, 10.0, 0.0, 0.02)
B = (8e6, 0.3, 90.0, 40.0, 0.16)
VALUES = {name: np.array(pair) for name, pair in zip(NAMES, zip(A, B, strict=True), strict=True)}


@pytest.fixture
def scheme() -> Scheme:
    return parse_scheme(TEXT)


def test_purchase_alone_does_not_make_potential(scheme: Scheme) -> None:
    """#19: 1000万 in a declining industry is low potential, 800万 with a plan is high."""
    found = decide(scheme, REFERENCE, VALUES)
    value, potential, _ = found.composite.dimension_score.T
    assert value[0] > value[1]
    # Index -.4 is the second of eleven: 1.5/11; plan 10 is the second as well.
    assert potential[0] == pytest.approx(100 * 1.5 / 11)
    # Index .3 is the ninth: 8.5/11; plan 90 is the tenth: 9.5/11.
    assert potential[1] == pytest.approx(100 * 9 / 11)
    assert found.tier.tolist() == [1, 0]


def test_innovation_may_be_given_more_weight(scheme: Scheme) -> None:
    """#23: patents and R&D rise from 5 % to 15 %; #33: they are indicators without code."""
    text = TEXT.replace("weight = 0.05", "weight = 0.15").replace("weight = 0.45", "weight = 0.35")
    before = decide(scheme, REFERENCE, VALUES).composite
    after = decide(parse_scheme(text), REFERENCE, VALUES).composite
    at = [before.indicator.index(name) for name in ("patent_count", "rd_spend_rate")]
    np.testing.assert_allclose(before.weight[:, at].sum(axis=1), 0.05)
    np.testing.assert_allclose(after.weight[:, at].sum(axis=1), 0.15)
    moved = after.score - before.score
    assert moved[0] < 0
    assert moved[1] > 0


def test_equal_words_of_two_schemes_are_two_tiers(scheme: Scheme) -> None:
    """X9: tier ids belong to their scheme."""
    other = scheme.model_copy(update={"id": "another"})
    assert scheme.tier_key(0) == "opportunity/high" != other.tier_key(0)
