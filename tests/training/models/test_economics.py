"""From net value to contribution: planted shrinkage, and the case that started it (#15)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dimensions.value import CAPITAL_COST_RATE
from features.schema import FloatArray
from training.errors import FitError
from training.models.economics import ContributionModel, fit_contribution

Company = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


def company(n: int = 3000, seed: int = 0, *, spread: float = 0.06, noise: float = 300.0) -> Company:
    """Rates that differ by ``spread``; a year of spend S shows them with noise/sqrt(S)."""
    rng = np.random.default_rng(seed)
    spend, later = rng.lognormal(8.0, 1.3, n), rng.lognormal(8.0, 1.3, n)
    rate = 0.2 + spread * rng.normal(size=n)
    before = spend * (rate + 0.3 * rng.normal(size=n) * noise / 1000 * np.sqrt(1000 / spend))
    after = later * (rate + 0.3 * rng.normal(size=n) * noise / 1000 * np.sqrt(1000 / later))
    return before, spend, after, later


@pytest.fixture(scope="module")
def model() -> ContributionModel:
    return fit_contribution(*company())


def test_shrinking_beats_own_rates_and_one_rate_for_all(model: ContributionModel) -> None:
    before, spend, after, later = company(seed=1)
    errors = {
        "shrunk": after - model.predict(later, before, spend),
        "own": after - later * before / spend,
        "one": after - later * before.sum() / spend.sum(),
    }
    mae = {name: float(np.abs(error).mean()) for name, error in errors.items()}
    assert mae["shrunk"] < 0.95 * min(mae["own"], mae["one"])
    assert abs(errors["shrunk"].sum() / after.sum()) < 0.03


def test_the_less_is_spent_the_less_an_own_rate_counts(model: ContributionModel) -> None:
    spend = np.array([1.0, 1e3, 1e5, 1e7])
    far = np.abs(model.rate(-0.5 * spend, spend) / model.carried + 0.5)
    assert (np.diff(far) < 0.0).all()
    assert far[0] > 0.6 > 0.01 > far[-1]


def test_rates_that_do_not_differ_are_one_rate() -> None:
    model = fit_contribution(*company(spread=0.0, noise=900.0))
    assert model.prior_spend > 100_000.0
    assert model.rate(np.array([0.0]), np.array([3000.0]))[0] == pytest.approx(0.2, abs=0.03)


def test_without_an_observation_the_class_decides(model: ContributionModel) -> None:
    contribution = np.array([np.nan, np.nan, 5.0, 5.0])
    spend = np.array([0.0, 1e9, 0.0, -3.0])
    rates = model.rate(contribution, spend)
    lowest, highest = model.class_rates[0], model.class_rates[-1]
    assert rates.tolist() == [
        pytest.approx(model.carried * rate) for rate in (lowest, highest, lowest, lowest)
    ]


@given(net=st.floats(-1e8, 1e8), own=st.floats(-1e8, 1e8), spend=st.floats(-1e8, 1e8))
def test_a_contribution_is_value_times_rate(
    model: ContributionModel, net: float, own: float, spend: float
) -> None:
    asked = np.array([own]), np.array([spend])
    rate = model.rate(*asked)
    assert -3.0 <= rate[0] <= 1.5
    assert model.predict(np.array([net]), *asked)[0] == net * rate[0]


def test_who_buys_less_and_costs_less_leaves_more(model: ContributionModel) -> None:
    """A: 5 million a year, 120 days, 15 % service; B: 3 million, 30 days, 5 % (#15)."""
    net, dso, service = np.array([[5e6, 3e6], [120.0, 30.0], [0.15, 0.05]])
    left = net * (0.25 - service - CAPITAL_COST_RATE * dso / 365)
    worth = model.predict(net, left, net)
    assert net[0] > net[1]
    assert worth[1] > 1.3 * worth[0] > 0.0
    np.testing.assert_allclose(worth, model.carried * left, rtol=0.02)


def test_unknown_outcomes_are_not_learned_from() -> None:
    before, spend, after, later = company(200)
    holes = after.copy()
    holes[::2] = np.nan
    half = fit_contribution(before, spend, holes, later)
    assert half.n == 100
    with pytest.raises(FitError, match="there are 0"):
        fit_contribution(before, spend, np.full(200, np.nan), later)


def test_a_level_that_moved_is_carried_so_far() -> None:
    before, spend, after, later = company()
    assert fit_contribution(before, spend, 0.9 * after, later).carried == pytest.approx(
        0.9, abs=0.03
    )
    assert fit_contribution(before, spend, 0.1 * after, later).carried == pytest.approx(1 / 1.5)
    assert fit_contribution(before, spend, -after, later).carried == 1.0


def test_it_survives_json(model: ContributionModel) -> None:
    assert ContributionModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model
