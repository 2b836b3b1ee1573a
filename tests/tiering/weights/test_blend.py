"""The blend of a panel with a regression: by hand, at its limits, and better than either (#39)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FloatArray
from tiering.errors import WeightsError
from tiering.weights.blend import Blend, FittedWeight, assumed_variance, blend
from tiering.weights.rules import packaged_rules

RULES = packaged_rules().blend
Z = 1.959963984540054
NAMES = ("value", "potential", "risk")


def fitted(*data: float, error: float = 0.02) -> tuple[FittedWeight, ...]:
    return tuple(
        FittedWeight(name, w, w - Z * error, w + Z * error)
        for name, w in zip(NAMES, data, strict=True)
    )


def mixed(
    expert: Any, data: tuple[FittedWeight, ...], variance: float = 0.0012, **rules: float
) -> Blend:
    panel = dict(zip(NAMES, expert, strict=True))
    return blend(panel, variance, data, RULES.model_copy(update=rules))


def test_sources_that_agree_count_by_their_precision() -> None:
    # Variances .0036 and 3 * .02² = .0012: the data count three times as much.
    found = mixed([0.5, 0.3, 0.2], fitted(0.48, 0.31, 0.21), 0.0036)
    assert found.excess == 0
    assert found.data_share == pytest.approx(0.75)
    assert found.weights == pytest.approx({"value": 0.485, "potential": 0.3075, "risk": 0.2075})
    # Pooled variance .0009; a Dirichlet's variances sum to (1 - sum w²) / (c + 1).
    squares = 0.485**2 + 0.3075**2 + 0.2075**2
    assert found.concentration == pytest.approx((1 - squares) / 0.0009 - 1)


def test_sources_that_differ_meet_in_the_middle_with_wide_intervals() -> None:
    near = mixed([0.5, 0.3, 0.2], fitted(0.48, 0.31, 0.21), 0.0036)
    found = mixed([0.5, 0.3, 0.2], fitted(0.1, 0.3, 0.6), 0.0036)
    assert found.excess == pytest.approx((0.32 - 0.0048) / 2)
    assert found.data_share == pytest.approx((0.0036 + 0.1576) / (0.0048 + 0.3152))
    assert found.data_share == pytest.approx(0.5, abs=0.01)

    def width(which: Blend) -> float:
        return sum(share.high - share.low for share in which.shares)

    assert width(found) > 4 * width(near)


def test_a_dimension_without_data_keeps_a_floor_and_it_is_told() -> None:
    data = (
        FittedWeight("value", 0.6, 0.6, 0.6),
        FittedWeight("potential", 0.4, 0.4, 0.4),
        FittedWeight("risk", 0.0, 0.0, 0.0),
    )
    found = mixed([0.6, 0.4, 0.0], data)
    assert found.data_share > 0.99
    assert found.weights == pytest.approx({"value": 0.588, "potential": 0.392, "risk": 0.02})
    assert [share.raised for share in found.shares] == [False, False, True]
    kept = mixed([0.5, 0.3, 0.2], data, 1e-9)
    assert kept.weights["risk"] > RULES.floor


def test_where_the_data_say_nothing_the_experts_stand() -> None:
    found = mixed([0.5, 0.3, 0.2], fitted(math.nan, math.nan, math.nan))
    assert found.data_share == 0
    assert found.weights == pytest.approx({"value": 0.5, "potential": 0.3, "risk": 0.2})
    assert math.isnan(found.data_variance)
    assert found.concentration == pytest.approx((1 - 0.38) / 0.0012 - 1)


def test_a_scheme_s_weights_are_as_sure_as_is_assumed() -> None:
    assert assumed_variance(5, RULES) == pytest.approx(5 * 0.05**2)


def test_nobody_is_surer_than_the_fourth_digit_nor_less_sure_than_one_answer() -> None:
    sure = mixed([0.5, 0.3, 0.2], fitted(0.5, 0.3, 0.2, error=0), 0)
    assert sure.expert_variance == sure.data_variance == 1e-8
    assert mixed([0.5, 0.3, 0.2], fitted(0.5, 0.3, 0.2, error=9), 100).concentration == 1


def test_every_fault_is_told_at_once() -> None:
    bad = (FittedWeight("value", -0.2, 0.3, 0.1), FittedWeight("churn", 0.4, 0.3, 0.5))
    with pytest.raises(WeightsError) as caught:
        blend({"value": 0.5, "risk": 0.6}, math.nan, bad, RULES.model_copy(update={"floor": 0.6}))
    assert [fault.path for fault in caught.value.faults] == [
        *("dimensions", "expert", "expert_variance", "floor", "data", "data.value"),
    ]
    assert "value, risk; of the data value, churn" in str(caught.value)
    with pytest.raises(WeightsError, match="1 fault:"):
        mixed([0.5, 0.3, 0.3], fitted(0.5, 0.3, 0.2))


shares = st.lists(st.floats(0.001, 1), min_size=3, max_size=3).map(
    lambda row: [w / sum(row) for w in row]
)


@given(shares, shares, st.floats(0, 0.2), st.floats(0, 0.3))
def test_a_blend_lies_on_the_simplex_inside_its_intervals(
    expert: list[float], data: list[float], error: float, deviation: float
) -> None:
    found = mixed(expert, fitted(*data, error=error), deviation**2)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert 0 <= found.data_share <= 1
    for share in found.shares:
        assert 0 <= share.low <= share.weight <= share.high <= 1
        assert share.weight >= RULES.floor - 1e-12
    # The order of dimensions does not matter.
    again = blend(
        dict(zip(NAMES[::-1], expert[::-1], strict=True)),
        deviation**2,
        fitted(*data, error=error),
        RULES,
    )
    assert again.weights == pytest.approx(found.weights)


@given(shares, shares)
def test_without_floor_a_blend_lies_between_its_sources(
    expert: list[float], data: list[float]
) -> None:
    found = mixed(expert, fitted(*data), floor=0.0)
    for share in found.shares:
        low, high = sorted((share.expert, share.data))
        assert low - 1e-9 <= share.weight <= high + 1e-9


def test_the_blend_errs_less_than_either_source() -> None:
    """Planted weights, two sources with errors of their own (simulated): #39's combination."""
    rng = np.random.default_rng(39)
    true = np.array([0.45, 0.35, 0.2])
    errors: dict[str, list[float]] = {"expert": [], "data": [], "blend": []}
    held = 0

    def noisy(variance: float) -> FloatArray:
        concentration = (1 - (true**2).sum()) / variance - 1
        return rng.dirichlet(concentration * true)

    for _ in range(400):
        expert, data = noisy(0.004), noisy(0.004)
        found = mixed(expert.tolist(), fitted(*data.tolist(), error=(0.004 / 3) ** 0.5), 0.004)
        blended = np.array(list(found.weights.values()))
        for name, weights in (("expert", expert), ("data", data), ("blend", blended)):
            errors[name].append(float(np.abs(weights - true).sum()))
        held += sum(s.low <= t <= s.high for s, t in zip(found.shares, true, strict=True))
    mean = {name: np.mean(each) for name, each in errors.items()}
    assert mean["blend"] < 0.85 * min(mean["expert"], mean["data"])
    assert held / 1200 == pytest.approx(0.95, abs=0.03)
