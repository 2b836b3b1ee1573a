"""#53: the five dimensions with weights by stage of life."""

from __future__ import annotations

import pytest

from tiering.scheme import load_scheme


def test_apart_from_stages_it_is_the_default_scheme() -> None:
    default, ours = load_scheme(), load_scheme("five-dimension-lifecycle")
    assert ours.tiers == default.tiers
    assert ours.referral == default.referral
    for theirs, own in zip(default.dimensions, ours.dimensions, strict=True):
        assert (own.id, own.weight) == (theirs.id, theirs.weight)
        assert tuple(i for i in own.indicators if i.weight > 0) == theirs.indicators


def stage(**values: float) -> dict[str, float]:
    """A customer at 50 points in everything but what is given; nothing grows or falls."""
    return {
        "net_amount_growth_90d": 0.0, "net_amount_slope_6m": 0.0,
        "recency_to_interval_ratio": 1.0, "days_since_last_order": 5.0, **values,
    }  # fmt: skip


def test_a_new_customer_who_came_again_by_hand(grade) -> None:
    again = stage(tenure_days=31.0, repeat_count=90.0, login_week_share_12w=80.0)
    never = stage(tenure_days=31.0, repeat_count=10.0, login_week_share_12w=20.0)
    found = grade("five-dimension-lifecycle", again, never)
    # dynamic: .45*90 + .25*80 + .30*50 = 40.5 + 20 + 15; .45*10 + .25*20 + .30*50 = 24.5
    assert found.score_of("dynamic") == [75.5, 24.5]
    # potential: growth 0 is below the first rank, 1 point: .35*1 + .65*50 = 32.85
    assert found.score_of("potential") == [32.85] * 2
    # risk: a ratio of 1 is 99 points: .10*99 + .90*50 = 54.9
    assert found.score_of("risk") == [54.9] * 2
    # strategic: tenure .35*31 + .65*50 = 43.35
    assert found.score_of("strategic") == [43.35] * 2
    # .30*50 + .30*32.85 + .10*54.9 + .05*43.35 + .25*75.5
    # = 15 + 9.855 + 5.49 + 2.1675 + 18.875; the other .25*24.5 = 6.125
    assert found.scores == [pytest.approx(51.3875), pytest.approx(38.6375)]
    assert found.tiers == ["potential", "basic"]


def test_a_mature_customer_who_refers_others_by_hand(grade) -> None:
    found = grade(
        "five-dimension-lifecycle",
        stage(
            tenure_days=91.0, repeat_count=60.0, login_week_share_12w=1.0,
            active_month_share_12m=95.0, contract_renewal_rate_730d=85.0,
            referral_count_730d=97.0, inbound_interaction_count_180d=70.0,
            category_breadth_rate_365d=1.0,
        ),
    )  # fmt: skip
    # .35*95 + .20*85 + .25*97 + .10*91 + .10*70 + 0 = 33.25 + 17 + 24.25 + 9.1 + 7
    assert found.score_of("strategic") == [90.6]
    # dynamic as in the default: slope 0 is 1 point: .35*50 + .30*1 + .20*50 + .15*50
    assert found.score_of("dynamic") == [35.3]
    # .40*50 + .15*32.85 + .15*54.9 + .25*90.6 + .05*35.3 = 20 + 4.9275 + 8.235 + 22.65 + 1.765
    assert found.scores == [pytest.approx(57.5775)]
    assert found.tiers == ["potential"]


def test_other_stages_are_graded_as_by_default(grade) -> None:
    growing = stage(
        tenure_days=91.0, repeat_count=60.0, net_amount_growth_90d=40.0, net_amount_slope_6m=40.0
    )
    default = {k: v for k, v in growing.items() if k != "repeat_count"}
    ours = grade("five-dimension-lifecycle", growing)
    assert ours.scores == grade("default", default).scores
