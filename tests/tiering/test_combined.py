"""X10: tiers both by the composite score and by amount and years, graded by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tiering.assign import Decisions, decide
from tiering.policy import Scheme
from tiering.scheme import load_scheme
from tiering.scores import Reference

RANKS = np.arange(1.0, 100.0, 2.0)


def both(combine: str) -> Scheme:
    """Document 000: the rules of #42 on ranks, beside cuts at 60 and 30 of the score."""
    document = load_scheme("purchase-tenure").model_dump(mode="json", exclude_none=True)
    document["combine"] = combine
    document["dimensions"][0]["indicators"] = [{"name": "net_amount_365d", "weight": 1}]
    document["dimensions"][1]["indicators"] = [{"name": "tenure_days", "weight": 1}]
    document["tiers"] = [
        {**tier, "cut": cut, **rule}
        for tier, cut, rule in zip(
            [document["tiers"][i] for i in (0, 1, 3)],
            (60, 30, 0),
            (
                {"when": [["net_amount_365d >= 80", "tenure_days >= 50"]]},
                {"when": [["net_amount_365d >= 40"]]},
                {},
            ),
            strict=True,
        )
    ]
    return Scheme.model_validate(document)


def graded(combine: str) -> Decisions:
    scheme = both(combine)
    values = {
        "net_amount_365d": np.array([90.0, 70.0, 20.0, 90.0]),
        "tenure_days": np.array([60.0, 90.0, 95.0, np.nan]),
    }
    reference = Reference.fit(dict.fromkeys(scheme.indicators, RANKS))
    return decide(scheme, reference, values)


# Scores: .6*90 + .4*60 = 78; .6*70 + .4*90 = 78; .6*20 + .4*95 = 50; 90 (tenure unknown).
# By score: strategic, strategic, core, strategic; by rule: strategic, core, basic, core.


def test_the_lower_of_both() -> None:
    found = graded("lower")
    assert found.composite.score.tolist() == [78, 78, 50, 90]
    assert found.tier.tolist() == [0, 1, 2, 1]
    # First: the score may lose 18, the rule min(90 - 80, 60 - 50). Second: the rule lacks 10 of
    # the amount and may lose 30. Third: the rule lacks 20. Fourth: tenure is unknown, so is the
    # way up; the rule may lose 50.
    np.testing.assert_allclose(found.margin_down, [10, 30, np.nan, 50])
    np.testing.assert_allclose(found.margin_up, [np.nan, 10, 20, np.nan])
    assert found.best.tolist() == [0, 1, 2, 0]
    assert found.referred.tolist() == [False, False, False, True]
    assert "rule_data" in found.reasons[3]
    assert "战略客户" in found.reason_texts(3, "zh")[0]


def test_the_higher_of_both() -> None:
    found = graded("higher")
    assert found.tier.tolist() == [0, 0, 1, 0]
    # First: both must fall, so the farther counts: 78 - 60. Second and fourth: the score alone.
    np.testing.assert_allclose(found.margin_down, [18, 18, 20, 30])
    np.testing.assert_allclose(found.margin_up, [np.nan, np.nan, 10, np.nan])


@pytest.mark.parametrize("combine", ["lower", "higher"])
def test_the_decider_is_told(combine: str) -> None:
    assert both(combine).decider == "combined"
