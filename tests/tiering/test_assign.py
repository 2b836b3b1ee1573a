from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import Direction, FloatArray, describe
from tiering.assign import assign, decide
from tiering.scheme import Scheme, load_scheme, parse_scheme
from tiering.scores import Reference

DEFAULT = load_scheme()


def at_points(scheme: Scheme, points: list[float]) -> dict[str, FloatArray]:
    """Values whose points are all the same; 10 to 90 on the knots of `population`."""
    x = 10 + (np.array(points) - 10) / 2
    mirrored = 10 + (100 - np.array(points) - 10) / 2
    return {
        name: mirrored if describe(name).direction is Direction.LOWER_IS_BETTER else x
        for name in scheme.indicators
    }


def test_cuts_are_half_open(small: Scheme) -> None:
    below = math.nextafter(60.0, 0.0)
    score = np.array([100.0, 75.0, math.nextafter(75.0, 0.0), 60.0, below, 0.0])
    assert assign(small, score).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_score_on_the_cut_belongs_to_the_better_tier(
    small: Scheme, population: Reference
) -> None:
    # 60 everywhere: the weighted sum is 60 on paper, so it must not miss the cut by an ulp.
    answer = decide(small, population, at_points(small, [60.0, 60.0 - 1e-6, 75.0]))
    assert answer.composite.score.tolist() == [60.0, 60.0 - 1e-6, 75.0]
    assert answer.tier.tolist() == [1, 2, 0]
    assert answer.margin_down[0] == 0.0
    assert answer.margin_up[1] == pytest.approx(1e-6, abs=1e-9)


def test_missing_data_does_not_push_a_score_off_its_cut(
    small: Scheme, population: Reference
) -> None:
    values = at_points(small, [60.0] * 500)
    rng = np.random.default_rng(6)
    for name in small.indicators[1:]:
        values[name] = np.where(rng.random(500) < 0.5, np.nan, values[name])
    answer = decide(small, population, values)
    raw = np.nansum(answer.composite.weight * answer.composite.points, axis=1)
    assert (raw < 60).any()  # the trap: renormalised weights add up to an ulp below 1
    assert set(answer.tier.tolist()) == {1}


def test_margins_and_referral_by_hand(small: Scheme, population: Reference) -> None:
    # Cuts 75, 60, 0; band 2: exactly two points away is not borderline any more.
    points = [90.0, 76.5, 73.0, 67.0, 62.0, 61.5, 58.5, 20.0]
    answer = decide(small, population, at_points(small, points))
    assert answer.tier.tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    nan = math.nan
    np.testing.assert_allclose(answer.margin_up, [nan, nan, 2, 8, 13, 13.5, 1.5, 40])
    np.testing.assert_allclose(answer.margin_down, [15, 1.5, 13, 7, 2, 1.5, nan, nan])
    assert answer.referred.tolist() == [False, True, False, False, False, True, True, False]
    assert [row == ("border_margin",) for row in answer.reasons] == answer.referred.tolist()


def test_reasons_in_words(small: Scheme, population: Reference) -> None:
    values = at_points(small, [76.5, 73.5, 61.5, 58.5])
    answer = decide(small, population, values)
    english = [answer.reason_texts(row, "en") for row in range(4)]
    assert english == [
        ("The score 76.5 is 1.50 points from the cut at 75; closer than 2 points, a panel "
         "decides.",),
        ("The score 73.5 is 1.50 points from the cut at 75; closer than 2 points, a panel "
         "decides.",),
        ("The score 61.5 is 1.50 points from the cut at 60; closer than 2 points, a panel "
         "decides.",),
        ("The score 58.5 is 1.50 points from the cut at 60; closer than 2 points, a panel "
         "decides.",),
    ]  # fmt: skip
    assert answer.reason_texts(3, "zh") == (
        "得分58.5距分级线60分仅1.50分，不足2分，需评审会复核。",
    )


def test_missing_dimensions_and_flags_in_words(small: Scheme, population: Reference) -> None:
    values = at_points(small, [40.0, 40.0])
    for name in ("net_amount_growth_90d", "order_days_30d"):
        values[name] = np.array([np.nan, 1.0])
    # .25 + .05 without data is the limit of .30, and the limit itself is still accepted.
    answer = decide(small, population, values, flags={"dormant": np.array([False, True])})
    assert answer.reasons == [("missing_dimension",), ("dormant",)]
    assert answer.referred.tolist() == [False, True]
    assert answer.reason_texts(0, "en") == (
        "No data for Potential, Dynamics; the score rests on the other dimensions.",
    )
    assert answer.reason_texts(0, "zh") == ("缺少潜力、动态数据，得分按其余维度计算。",)

    values["ltv"] = np.array([np.nan, 1.0])
    answer = decide(small, population, values)
    assert answer.reasons[0] == ("missing_weight", "missing_dimension")
    assert answer.referred.tolist() == [True, False]
    assert answer.reason_texts(0, "en")[0] == (
        "54% of the weight has no data; above 30% a panel decides."
    )


def test_an_unexplained_jump_goes_to_the_panel(small_text: str, population: Reference) -> None:
    ten = parse_scheme(small_text.replace("band = 2.0", "band = 2.0\nmax_jump_ratio = 10"))
    values = {
        **at_points(ten, [40.0] * 5),
        "net_amount_jump_365d": np.array([10.0, 9.9, np.nan, 12.0, np.nan]),
        "largest_order_ratio_730d": np.array([2.0, 9.9, 31.25, 1.0, np.nan]),
        "jump_explained_365d": np.array([np.nan, np.nan, 0.0, 1.0, np.nan]),
    }
    answer = decide(ten, population, values)
    assert answer.referred.tolist() == [True, False, True, False, False]
    assert answer.reasons == [("unexplained_jump",), (), ("unexplained_jump",), (), ()]
    np.testing.assert_array_equal(answer.jump, [10.0, 9.9, 31.25, 12.0, np.nan])
    assert "jumped to 31.2 times" in answer.reason_texts(2, "en")[0]
    assert "from 10 times on, a panel decides" in answer.reason_texts(2, "en")[0]
    assert "突增至原来的31.2倍" in answer.reason_texts(2, "zh")[0]
    # A scheme that says nothing of jumps challenges nobody, nor does a source without them.
    silent = decide(parse_scheme(small_text), population, values)
    assert not silent.referred.any()
    assert not decide(ten, population, at_points(ten, [40.0] * 5)).referred.any()


def random_values(n: int, seed: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n) for name in DEFAULT.indicators}


REFERENCE = Reference.fit(random_values(300, seed=1))


@given(
    seed=st.integers(0, 500),
    name=st.sampled_from(DEFAULT.indicators),
    step=st.floats(0, 5, allow_subnormal=False),
)
@settings(max_examples=60, deadline=None)
def test_a_better_indicator_never_lowers_the_tier(seed: int, name: str, step: float) -> None:
    before = random_values(8, seed)
    better = -step if describe(name).direction is Direction.LOWER_IS_BETTER else step
    after = {**before, name: before[name] + better}
    a, b = decide(DEFAULT, REFERENCE, before), decide(DEFAULT, REFERENCE, after)
    assert (b.tier <= a.tier).all()


def test_every_score_of_the_default_scheme_has_a_tier() -> None:
    score = np.linspace(0, 100, 100_001)
    tier = assign(DEFAULT, score)
    assert set(tier.tolist()) == {0, 1, 2, 3}
    assert (np.diff(tier) <= 0).all()


def test_margins_frame_the_score() -> None:
    answer = decide(DEFAULT, REFERENCE, random_values(400, seed=2))
    cuts = np.array([tier.cut for tier in DEFAULT.tiers])
    inner = (answer.tier > 0) & (answer.tier < 3)
    assert inner.any()
    np.testing.assert_allclose(
        (answer.margin_up + answer.margin_down)[inner],
        (cuts[answer.tier - 1] - cuts[answer.tier])[inner],
    )
    assert np.isnan(answer.margin_up[answer.tier == 0]).all()
    assert np.isnan(answer.margin_down[answer.tier == 3]).all()
    assert (answer.margin_up[answer.tier > 0] > 0).all()
    assert (answer.margin_down[answer.tier < 3] >= 0).all()


def test_no_customers_no_decisions(small: Scheme, population: Reference) -> None:
    answer = decide(small, population, dict.fromkeys(small.indicators, np.empty(0)))
    assert answer.tier.shape == answer.referred.shape == (0,)
    assert answer.reasons == []
