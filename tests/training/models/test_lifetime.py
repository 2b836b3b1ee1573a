"""Lifetime value: coherent horizons, discounting, and a reading that multiplies out."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FloatArray
from training.errors import FitError
from training.models import btyd
from training.models.baseline import INPUTS, PurchaseModel
from training.models.btyd import BtydFit
from training.models.gamma_gamma import GammaGammaFit, expected_order_value
from training.models.lifetime import Lifetime, LifetimeTerms, lifetime, value_to_acquisition_cost

MODEL = PurchaseModel(
    BtydFit("mbgnbd", 0.67, 6.6, 0.89, 1.15, 0.0, True, 100),
    GammaGammaFit(6.3, 3.7, 15.4, 0.0, True, 100),
)
UNDISCOUNTED = LifetimeTerms()


def rows(n: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 1100, n).astype(float)
    repeats = rng.poisson(rng.gamma(0.6, 1 / 20, n) * tenure / 3).astype(float)
    since = np.where(repeats > 0, np.floor(rng.random(n) * tenure), 0.0)
    mean = np.where(repeats > 0, rng.gamma(2.0, 20.0, n), np.nan)
    return np.column_stack([repeats, since, tenure, mean, rng.gamma(1.0, 100.0, n)])


def near_term(values: FloatArray, days: int = 90) -> FloatArray:
    """What the purchase model itself expects."""
    x, since, tenure, mean = values[:, :4].T
    bought = btyd.expected_transactions(MODEL.btyd, x, since, tenure, days)
    return np.asarray(bought * expected_order_value(MODEL.spend, x, mean))


def run(values: FloatArray, near: FloatArray, terms: LifetimeTerms = UNDISCOUNTED) -> Lifetime:
    return lifetime(MODEL, INPUTS, values, near, 90, terms)


def test_the_purchase_model_uncorrected_is_its_own_extrapolation() -> None:
    values = rows(500)
    found = run(values, near_term(values))
    surely_gone = found.p_active <= 1e-12  # the least chance that is told
    assert 0.0 < surely_gone.mean() < 0.1
    np.testing.assert_allclose(found.correction[~surely_gone], 1.0, rtol=1e-9)
    assert (found.correction[surely_gone] < 1.0).all()
    for horizon in UNDISCOUNTED.horizons_days:
        np.testing.assert_allclose(found.at(horizon), near_term(values, horizon), rtol=1e-9)


def test_a_correction_is_carried_to_every_horizon() -> None:
    values = rows(200)
    plain, tripled = run(values, near_term(values)), run(values, 3.0 * near_term(values))
    np.testing.assert_allclose(tripled.value, 3.0 * plain.value, rtol=1e-12)
    np.testing.assert_allclose(tripled.correction, 3.0 * plain.correction, rtol=1e-12)


@given(
    rate=st.floats(0.0, 0.5),
    horizons=st.lists(st.integers(1, 2500), min_size=1, max_size=5, unique=True).map(sorted),
    seed=st.integers(0, 100),
)
def test_horizons_are_coherent_and_the_reading_multiplies_out(
    rate: float, horizons: list[int], seed: int
) -> None:
    values = rows(40, seed)
    near = np.random.default_rng(seed).gamma(0.5, 100.0, 40)
    found = run(values, near, LifetimeTerms(tuple(horizons), rate))
    assert np.isfinite(found.value).all()
    assert (np.diff(found.value, axis=1) >= 0.0).all()
    reading = (
        found.p_active[:, None]
        * found.frequency
        * found.order_value[:, None]
        * found.correction[:, None]
    )
    assert (reading == found.value).all()
    free = run(values, near, LifetimeTerms(tuple(horizons), 0.0))
    assert (found.value <= free.value * (1 + 1e-12)).all()


def test_a_longer_list_of_horizons_changes_no_value() -> None:
    values = rows(50)
    near = near_term(values)
    alone = run(values, near, LifetimeTerms((1825,), 0.1))
    np.testing.assert_allclose(
        run(values, near, LifetimeTerms((90, 365, 1095, 1825), 0.1)).at(1825),
        alone.at(1825),
        rtol=1e-12,
    )


def test_discounting_is_that_of_a_fine_grid() -> None:
    values, terms = rows(300), LifetimeTerms((365, 1825), 0.1)
    found = run(values, near_term(values), terms)
    x, since, tenure, _ = values[:, :4].T
    days = np.arange(0.0, 1826.0, 5.0)
    bought = [btyd.expected_transactions(MODEL.btyd, x, since, tenure, day) for day in days]
    steps = np.diff(np.column_stack(bought), axis=1) * 1.1 ** (-(days[:-1] + 2.5) / 365)
    for horizon in terms.horizons_days:
        fine = steps[:, days[1:] <= horizon].sum(axis=1) * found.order_value
        np.testing.assert_allclose(found.at(horizon), fine, rtol=1e-3)


def test_the_chance_to_be_active_decides_nothing_about_the_shape() -> None:
    values = np.array([[5.0, 300.0, 300.0, 20.0, 9.0], [5.0, 10.0, 300.0, 20.0, 9.0]])
    found = run(values, np.array([50.0, 50.0]))
    assert found.p_active[0] > 0.8 > 0.1 > found.p_active[1]
    np.testing.assert_allclose(found.value[0], found.value[1], rtol=1e-9)


def test_extremes_stay_finite() -> None:
    values = np.array(
        [
            [900.0, 1.0, 3650.0, 1e6, 9.0],  # busy, then gone for ten years
            [0.0, 0.0, 0.0, np.nan, np.nan],
            [np.nan, np.nan, np.nan, np.nan, np.nan],
        ]
    )
    found = run(values, np.array([1e-9, 1e9, -5.0]), LifetimeTerms((90, 1825), 0.1))
    assert np.isfinite(found.value).all()
    assert (found.value[2] < 0.0).all()  # whoever gives back more than it buys stays negative


def test_a_million_customers_take_seconds() -> None:
    values = rows(1_000_000)
    begin = time.perf_counter()
    found = run(values, values[:, 4], LifetimeTerms((90, 365, 1095, 1825), 0.1))
    assert found.value.shape == (1_000_000, 4)
    assert time.perf_counter() - begin < 10.0


def test_value_over_acquisition_cost_needs_a_cost() -> None:
    got = value_to_acquisition_cost(
        np.array([10.0, 10.0, 10.0, -4.0]), np.array([5.0, 0, np.nan, 2])
    )
    assert got[[0, 3]].tolist() == [2.0, -2.0]
    assert np.isnan(got[[1, 2]]).all()


@pytest.mark.parametrize("terms", [((), 0.0), ((90, 90), 0.0), ((0, 5), 0.0), ((90,), -0.1)])
def test_terms_that_say_nothing_are_refused(terms: tuple[tuple[int, ...], float]) -> None:
    with pytest.raises(FitError, match="cannot be told"):
        LifetimeTerms(*terms)


def test_terms_survive_json() -> None:
    terms = LifetimeTerms((30, 400), 0.08)
    assert LifetimeTerms.from_dict(terms.to_dict()) == terms
