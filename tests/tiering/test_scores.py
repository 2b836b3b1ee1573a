from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from features.schema import Direction
from tiering.errors import PopulationError
from tiering.scores import Reference

ANY = st.floats(-1e12, 1e12) | st.integers(-5, 5).map(float) | st.just(math.nan)


def test_percentiles_are_mid_ranks() -> None:
    # Sorted: 0 0 0 1 5. Zero: three ties, 1.5 of 5 below -> 30; one: 3.5/5; five: 4.5/5.
    knots = Reference.fit({"a": np.array([5.0, 0.0, 0.0, np.nan, 1.0, 0.0])}).knots["a"]
    assert knots.x.tolist() == [0.0, 1.0, 5.0]
    assert knots.percentile.tolist() == [30.0, 70.0, 90.0]
    assert knots.n == 5
    assert knots.mean == pytest.approx((3 * 30 + 70 + 90) / 5)


def test_mid_ranks_agree_with_scipy() -> None:
    values = np.random.default_rng(1).poisson(3, 400).astype(float)
    knots = Reference.fit({"a": values}).knots["a"]
    expected = 100 * (rankdata(values, method="average") - 0.5) / values.size
    np.testing.assert_allclose(knots.at(values), expected, atol=1e-9)


def test_a_constant_indicator_is_in_the_middle() -> None:
    knots = Reference.fit({"a": np.full(7, 3.0)}).knots["a"]
    answer = knots.at(np.array([-1.0, 3.0, 99.0, np.nan]))
    assert answer[:3].tolist() == [50.0, 50.0, 50.0]
    assert math.isnan(answer[3])


def test_an_indicator_without_data_is_absent() -> None:
    reference = Reference.fit({"a": np.array([np.nan, np.nan]), "b": np.array([1.0, 2.0])})
    assert "a" not in reference
    assert "b" in reference
    assert math.isnan(reference.mean_points("a"))


def test_thinned_knots_stay_within_one_step_of_every_member() -> None:
    rng = np.random.default_rng(2)
    # A heavy tie beside a long tail: the shape of return rates and overdue days.
    values = np.concatenate([np.zeros(3000), rng.lognormal(3, 2, 7000)])
    knots = Reference.fit({"a": values}, knots=101).knots["a"]
    exact = 100 * (rankdata(values, method="average") - 0.5) / values.size
    assert knots.x.size <= 2 * 101
    assert np.abs(knots.at(values) - exact).max() <= 1.0
    assert knots.at(np.zeros(1))[0] == 15.0


@given(st.lists(ANY, min_size=1, max_size=60), st.lists(ANY, min_size=2, max_size=30))
@settings(max_examples=80, deadline=None)
def test_percentiles_rise_with_the_value_and_stay_in_range(
    members: list[float], probes: list[float]
) -> None:
    reference = Reference.fit({"a": np.array(members)}, knots=5)
    if "a" not in reference:
        assert all(math.isnan(member) for member in members)
        return
    x = np.sort(np.array([probe for probe in probes if not math.isnan(probe)]))
    answer = reference.knots["a"].at(x)
    assert (np.diff(answer) >= 0).all()
    assert ((answer >= 0) & (answer <= 100)).all()


def test_flat_outside_and_continuous_inside() -> None:
    knots = Reference.fit({"a": np.array([10.0, 20.0, 40.0])}).knots["a"]
    answer = knots.at(np.array([-np.inf, 10.0, 15.0, 20.0, 30.0, 40.0, np.inf]))
    third = 100 / 3
    expected = [third / 2, third / 2, third, 50.0, 50 + third / 2, 50 + third, 50 + third]
    np.testing.assert_allclose(answer, expected)


def test_a_line_does_not_overshoot_its_knot() -> None:
    # One and eighteen: 2.63... + (52.63... - 2.63...) is an ulp above 52.63... in floats.
    knots = Reference.fit({"a": np.repeat([0.0, 1.0], [1, 18])}).knots["a"]
    low, high = knots.percentile
    assert low + (high - low) > high
    assert knots.at(np.array([1.0, 2.0])).tolist() == [high, high]


def test_mean_points_are_the_mean_over_the_population() -> None:
    values = np.random.default_rng(3).lognormal(0, 1, 5000)
    reference = Reference.fit({"ltv": values, "churn_probability": values}, knots=11)
    mean = float(reference.knots["ltv"].at(values).mean())
    assert reference.mean_points("ltv") == pytest.approx(mean, abs=1e-12)
    assert reference.mean_points("churn_probability") == pytest.approx(100 - mean, abs=1e-12)
    assert reference.mean_points("ltv", Direction.LOWER_IS_BETTER) == pytest.approx(100 - mean)
    assert reference.mean_points("ltv", Direction.NEUTRAL) == pytest.approx(mean)


def test_json_keeps_every_bit() -> None:
    rng = np.random.default_rng(4)
    reference = Reference.fit({"a": rng.normal(size=999) / 3, "b": np.array([0.1, 0.2, 0.2])})
    again = Reference.from_dict(json.loads(json.dumps(reference.to_dict())))
    assert list(again.knots) == ["a", "b"]
    for name, knots in reference.knots.items():
        assert np.array_equal(again.knots[name].x, knots.x)
        assert np.array_equal(again.knots[name].percentile, knots.percentile)
        assert again.knots[name].mean == knots.mean
        assert again.knots[name].n == knots.n


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_members_are_refused(value: float) -> None:
    with pytest.raises(PopulationError, match="'a' has infinite values"):
        Reference.fit({"a": np.array([1.0, value])})


def test_a_reference_needs_two_knots() -> None:
    with pytest.raises(PopulationError, match="at least 2 knots"):
        Reference.fit({"a": np.array([1.0, 2.0])}, knots=1)


def test_another_format_is_refused() -> None:
    with pytest.raises(PopulationError, match=r"format 2.*Train the bundle again"):
        Reference.from_dict({"format": 2, "indicators": {}})


def test_shares_of_the_total_are_of_money_that_somebody_has() -> None:
    values = {
        "net_amount_365d": np.array([-5.0, 0.0, 10.0, 10.0, 20.0]),  # a loss counts 0
        "tenure_days": np.arange(5.0),
        "net_amount_180d": np.zeros(5),
    }
    reference = Reference.from_dict(json.loads(json.dumps(Reference.fit(values).to_dict())))
    # Of 40: up to 0 nothing, to 10 half of its 20, to 20 the first 20 and half of the other.
    found = reference.value_share("net_amount_365d", np.array([-9, 0, 5, 10, 20, 99, np.nan]))
    assert found[:6].tolist() == [0, 0, 12.5, 25, 75, 75]
    assert math.isnan(found[6])
    for name in ("tenure_days", "net_amount_180d"):
        with pytest.raises(PopulationError, match=f"no value shares of '{name}'"):
            reference.value_share(name, np.array([1.0]))


@pytest.mark.parametrize("share", [[0.5], [0.2, 1.1], [-0.1, 0.5], [0.5, 0.2]])
def test_damaged_shares_are_refused(share: list[float]) -> None:
    row = {"x": [1.0, 2.0], "percentile": [10.0, 20.0], "mean": 15.0, "n": 2, "share": share}
    with pytest.raises(PopulationError, match="'a' are damaged"):
        Reference.from_dict({"format": 1, "indicators": {"a": row}})


@pytest.mark.parametrize(
    ("x", "percentile"),
    [
        ([2.0, 1.0], [10.0, 20.0]),
        ([1.0, 2.0], [20.0, 10.0]),
        ([1.0], [10.0, 20.0]),
        ([], []),
        ([[1.0]], [[10.0]]),
        ([1.0, math.inf], [10.0, 20.0]),
        ([1.0, 2.0], [10.0, 101.0]),
    ],
)
def test_damaged_knots_are_refused(x: list[float], percentile: list[float]) -> None:
    row = {"x": x, "percentile": percentile, "mean": 50.0, "n": 2}
    with pytest.raises(PopulationError, match="'a' are damaged"):
        Reference.from_dict({"format": 1, "indicators": {"a": row}})
