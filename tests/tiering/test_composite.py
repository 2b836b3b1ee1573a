from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import Dimension, Direction, FloatArray, describe
from tiering.composite import composite
from tiering.errors import UngradableError
from tiering.scheme import Scheme, load_scheme, parse_scheme
from tiering.scores import Reference

DEFAULT = load_scheme()
K = len(DEFAULT.indicators)


def random_values(n: int, seed: int, missing: float = 0.2) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    values = {}
    for name in DEFAULT.indicators:
        column = np.round(rng.normal(size=n) * 3)
        column[rng.random(n) < missing] = np.nan
        values[name] = column
    values["tenure_days"] = np.abs(rng.normal(size=n))  # a customer is never all unknown
    return values


REFERENCE = Reference.fit(random_values(500, seed=0))


def test_a_customer_graded_by_hand(small: Scheme, population: Reference) -> None:
    # Mid-ranks of 10..50 are 10, 30, 50, 70, 90.
    values = {
        "ltv": [50.0],  # 90
        "net_amount_365d": [40.0],  # 70
        "net_amount_growth_90d": [30.0],  # 50
        "churn_probability": [10.0],  # 100 - 10 = 90
        "on_time_collection_rate_365d": [45.0],  # midway 70..90 = 80
        "tenure_days": [20.0],  # 30
        "order_days_30d": [99.0],  # beyond the best: 90
    }
    answer = composite(small, population, {k: np.array(v) for k, v in values.items()})
    assert answer.indicator == tuple(values)
    assert answer.dimension == (
        *("value", "value", "potential", "risk", "risk", "strategic", "dynamic"),
    )
    assert answer.dimensions == tuple(Dimension)
    assert answer.points[0].tolist() == [90, 70, 50, 90, 80, 30, 90]
    # value .6*90 + .4*70 = 82; risk (90 + 80)/2 = 85
    np.testing.assert_allclose(answer.dimension_score[0], [82, 50, 85, 30, 90])
    np.testing.assert_allclose(answer.weight[0], [0.24, 0.16, 0.25, 0.075, 0.075, 0.15, 0.05])
    # .40*82 + .25*50 + .15*85 + .15*30 + .05*90 = 32.8 + 12.5 + 12.75 + 4.5 + 4.5
    assert answer.score[0] == 67.05
    assert answer.missing_weight[0] == 0
    assert not answer.missing_dimension.any()
    assert answer.switched_off == ()


def test_missing_data_graded_by_hand(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    customer["ltv"] = np.array([50.0])  # 90, the rest of value is unknown
    customer["net_amount_365d"] = np.array([np.nan])
    customer["order_days_30d"] = np.array([np.nan])  # the whole dynamic dimension
    answer = composite(small, population, customer)
    np.testing.assert_allclose(answer.dimension_score[0], [90, 60, 60, 60, np.nan])
    assert answer.missing_dimension[0].tolist() == [False, False, False, False, True]
    # Inside value: ltv takes all of .40. Over dimensions: divided by 1 - .05.
    np.testing.assert_allclose(
        answer.weight[0], np.array([0.40, 0, 0.25, 0.075, 0.075, 0.15, 0]) / 0.95
    )
    # (.40*90 + .55*60) / .95 = 69 / .95
    assert answer.score[0] == pytest.approx(69 / 0.95, abs=1e-9)
    # .40*.4 of value and .05 of dynamic
    assert answer.missing_weight[0] == pytest.approx(0.21, abs=1e-9)


def test_what_the_population_lacks_is_switched_off_not_missing(
    small: Scheme, customer: dict[str, FloatArray]
) -> None:
    members = dict.fromkeys(small.indicators, np.array([10.0, 20.0, 30.0, 40.0, 50.0]))
    members["on_time_collection_rate_365d"] = np.full(5, np.nan)
    members["order_days_30d"] = np.full(5, np.nan)
    customer["tenure_days"] = np.array([np.nan])
    answer = composite(small, Reference.fit(members), customer)
    assert answer.switched_off == ("on_time_collection_rate_365d", "order_days_30d")
    assert answer.missing_dimension[0].tolist() == [False, False, False, True, True]
    # Dynamic does not exist here, so tenure is .15 of the .95 that do.
    assert answer.missing_weight[0] == pytest.approx(0.15 / 0.95, abs=1e-9)


def test_more_columns_than_needed_are_fine(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    customer["declining_months"] = np.array([np.nan])
    assert composite(small, population, customer).score.tolist() == [60.0]


def test_no_customers_no_scores(small: Scheme, population: Reference) -> None:
    answer = composite(small, population, dict.fromkeys(small.indicators, np.empty(0)))
    assert answer.score.shape == (0,)
    assert answer.weight.shape == (0, 7)


def test_a_customer_without_data_cannot_be_graded(small: Scheme, population: Reference) -> None:
    values = dict.fromkeys(small.indicators, np.array([10.0, np.nan, np.nan]))
    with pytest.raises(UngradableError, match=r"2 of 3 customers .* the first is row 1") as caught:
        composite(small, population, values)
    assert caught.value.context == {"rows": [1, 2]}


def test_what_weighs_nothing_in_a_stage_of_life_grades_nobody() -> None:
    # `repeat_count` counts for new customers only (#53); this one is known to be mature.
    scheme = load_scheme("five-dimension-lifecycle")
    ranks = np.arange(1.0, 100.0, 2.0)
    reference = Reference.fit(dict.fromkeys(scheme.indicators, ranks))
    values = dict.fromkeys(scheme.indicators, np.array([np.nan, np.nan]))
    values |= {"repeat_count": np.array([50.0, 50.0]), "tenure_days": np.array([np.nan, 50.0])}
    with pytest.raises(UngradableError, match=r"1 of 2 customers .* the first is row 0"):
        composite(scheme, reference, values | {"days_since_last_order": np.array([1.0, 1.0])})
    mature = values | {"tenure_days": np.array([95.0, 95.0])}
    answer = composite(scheme, reference, mature)
    assert answer.score.tolist() == [95.0, 95.0]
    # Known, but without weight: the dimension has no score.
    assert answer.missing_dimension[0].tolist() == [True, True, True, False, True]
    assert np.isnan(answer.dimension_score[0, 4])


def test_a_population_without_any_of_it_is_told_to_use_amounts(
    small: Scheme, customer: dict[str, FloatArray]
) -> None:
    nobody = Reference.fit(dict.fromkeys(small.indicators, np.full(5, np.nan)))
    with pytest.raises(UngradableError, match="reference population has none") as caught:
        composite(small, nobody, customer)
    assert "'amount-only'" in caught.value.hint


def test_absent_columns_are_named(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    del customer["ltv"], customer["tenure_days"]
    with pytest.raises(UngradableError, match="lack the indicators ltv, tenure_days"):
        composite(small, population, customer)


@pytest.mark.parametrize("column", [np.zeros(2), np.zeros((1, 1))])
def test_columns_of_another_shape_are_refused(
    small: Scheme, population: Reference, customer: dict[str, FloatArray], column: FloatArray
) -> None:
    customer["ltv"] = column
    with pytest.raises(UngradableError, match="of one length"):
        composite(small, population, customer)
    with pytest.raises(UngradableError, match="of one length"):
        composite(small, population, dict.fromkeys(small.indicators, np.zeros((1, 1))))


def test_weights_scores_and_dimensions_agree() -> None:
    answer = composite(DEFAULT, REFERENCE, random_values(300, seed=1, missing=0.6))
    assert np.abs(answer.weight.sum(axis=1) - 1).max() <= 1e-12
    assert (answer.weight[np.isnan(answer.points)] == 0).all()
    assert ((answer.score >= 0) & (answer.score <= 100)).all()
    np.testing.assert_allclose(
        answer.score, np.nansum(answer.weight * answer.points, axis=1), atol=1e-9
    )
    shares = np.array([d.weight for d in DEFAULT.dimensions])
    alive = np.where(answer.missing_dimension, 0, shares)
    by_dimension = np.nansum(alive * answer.dimension_score, axis=1) / alive.sum(axis=1)
    np.testing.assert_allclose(answer.score, by_dimension, atol=1e-9)
    assert answer.missing_dimension.any()


def test_against_the_slow_obvious_loop() -> None:
    values = random_values(40, seed=2, missing=0.5)
    answer = composite(DEFAULT, REFERENCE, values)
    for row in range(40):
        total = share = 0.0
        for dimension in DEFAULT.dimensions:
            inner = inner_share = 0.0
            for indicator in dimension.indicators:
                x = values[indicator.name][row]
                if np.isnan(x):
                    continue
                knots = REFERENCE.knots[indicator.name]
                p = float(np.interp(x, knots.x, knots.percentile))
                if describe(indicator.name).direction is Direction.LOWER_IS_BETTER:
                    p = 100 - p
                inner += indicator.weight * p
                inner_share += indicator.weight
            if inner_share:
                total += dimension.weight * inner / inner_share
                share += dimension.weight
        assert answer.score[row] == pytest.approx(total / share, abs=1e-9)


def test_one_row_alone_scores_as_in_the_batch() -> None:
    values = random_values(64, seed=3)
    batch = composite(DEFAULT, REFERENCE, values)
    for row in (0, 17, 63):
        alone = composite(DEFAULT, REFERENCE, {k: v[row : row + 1] for k, v in values.items()})
        assert alone.score[0] == batch.score[row]
        assert np.array_equal(alone.weight[0], batch.weight[row])
        assert np.array_equal(alone.points[0], batch.points[row], equal_nan=True)
        assert np.array_equal(alone.dimension_score[0], batch.dimension_score[row], equal_nan=True)


@given(st.permutations(range(12)), st.permutations(DEFAULT.indicators))
@settings(max_examples=25, deadline=None)
def test_order_of_customers_and_of_columns_does_not_matter(
    rows: list[int], names: list[str]
) -> None:
    values = random_values(12, seed=4)
    shuffled = {name: values[name][rows] for name in names}
    straight = composite(DEFAULT, REFERENCE, values)
    assert np.array_equal(composite(DEFAULT, REFERENCE, shuffled).score, straight.score[rows])


def test_order_inside_the_scheme_does_not_matter(
    small: Scheme, population: Reference, small_text: str
) -> None:
    lines = small_text.replace("ltv = 0.6\nnet_amount_365d = 0.4", "net_amount_365d = 0.4\nltv=0.6")
    turned = parse_scheme(lines)
    values = {
        name: np.random.default_rng(5).uniform(5, 55, 50) * (1 + i / 10)
        for i, name in enumerate(small.indicators)
    }
    assert turned.indicators != small.indicators
    np.testing.assert_allclose(
        composite(turned, population, values).score,
        composite(small, population, values).score,
        atol=1e-9,
    )
    assert np.array_equal(
        composite(turned, population, values).dimension_score[:, 1:],
        composite(small, population, values).dimension_score[:, 1:],
    )


@given(
    seed=st.integers(0, 1000),
    j=st.integers(0, K - 1),
    step=st.floats(0, 20, allow_subnormal=False),
)
@settings(max_examples=80, deadline=None)
def test_a_better_indicator_never_lowers_the_score(seed: int, j: int, step: float) -> None:
    name = DEFAULT.indicators[j]
    before = random_values(5, seed=seed)
    better = -step if describe(name).direction is Direction.LOWER_IS_BETTER else step
    after = {**before, name: before[name] + better}
    a, b = composite(DEFAULT, REFERENCE, before), composite(DEFAULT, REFERENCE, after)
    assert (b.score >= a.score).all()
    known = ~a.missing_dimension
    assert (b.dimension_score[known] >= a.dimension_score[known]).all()
