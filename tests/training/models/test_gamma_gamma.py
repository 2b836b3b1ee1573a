"""Gamma-Gamma against the published figures, numeric integration and simulation."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma as gamma_law

from features.schema import FloatArray
from training.errors import FitError
from training.models import gamma_gamma
from training.models.gamma_gamma import GammaGammaFit, expected_order_value, fit_gamma_gamma


def cdnow_spend() -> tuple[FloatArray, FloatArray]:
    spec = find_spec("lifetimes")  # finds the folder, imports nothing
    if spec is None or spec.origin is None:
        pytest.skip("the lifetimes wheel, which carries the CDNOW file, is not installed")
    name = "cdnow_customers_summary_with_transactions.csv"
    rows = np.genfromtxt(Path(spec.origin).parent / "datasets" / name, delimiter=",", names=True)
    return rows["x"], rows["zbar"]


def test_cdnow_parameters_are_the_published_ones() -> None:
    fit = fit_gamma_gamma(*cdnow_spend())
    assert fit.converged
    assert fit.n == 946
    assert [fit.p, fit.q, fit.v] == pytest.approx([6.25, 3.74, 15.44], abs=0.02)


def test_currency_does_not_change_the_shapes() -> None:
    x, m = cdnow_spend()
    dollars, cents = fit_gamma_gamma(x, m), fit_gamma_gamma(x, m * 100)
    assert cents.p == pytest.approx(dollars.p, rel=1e-9)
    assert cents.v == pytest.approx(100 * dollars.v, rel=1e-9)
    # a density per cent is a hundredth of one per dollar
    shift = dollars.n * np.log(100)
    assert cents.log_likelihood == pytest.approx(dollars.log_likelihood - shift, abs=1e-6)


def test_likelihood_is_the_integral_over_customers() -> None:
    p, q, v, x, m = 3.0, 2.5, 8.0, 4.0, 12.0
    slow, _ = quad(
        lambda rate: (
            gamma_law.pdf(m, p * x, scale=1 / (rate * x)) * gamma_law.pdf(rate, q, scale=1 / v)
        ),
        0,
        50,
    )
    theta = np.log(np.array([p, q - 1.0, v]))
    value, _ = gamma_gamma._objective(theta, np.array([x]), np.array([m]), 0.0)
    assert -value == pytest.approx(np.log(slow), abs=1e-6)


def test_gradient_is_the_slope_of_the_objective() -> None:
    x, m = np.array([1.0, 3.0, 8.0]), np.array([0.5, 1.2, 2.0])
    theta = np.array([0.3, -0.2, 0.1])
    _, gradient = gamma_gamma._objective(theta, x, m, 0.1)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-6
        up, _ = gamma_gamma._objective(theta + step, x, m, 0.1)
        down, _ = gamma_gamma._objective(theta - step, x, m, 0.1)
        assert gradient[i] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_expected_value_agrees_with_simulated_customers() -> None:
    fit = GammaGammaFit(4.0, 3.5, 20.0, 0.0, True, 1)
    rng = np.random.default_rng(4)
    rate = rng.gamma(fit.q, 1 / fit.v, 400_000)
    x = 3
    seen = rng.gamma(fit.p, 1 / rate, (x, len(rate))).mean(axis=0)
    following = rng.gamma(fit.p, 1 / rate)
    expected = expected_order_value(fit, np.full(len(rate), float(x)), seen)
    for low, high in ((5, 15), (25, 35), (60, 90)):
        group = (seen > low) & (seen < high)
        error = float(following[group].std() / np.sqrt(group.sum()))
        assert float(expected[group].mean()) == pytest.approx(
            float(following[group].mean()), abs=4.5 * error
        )


def test_odd_customers_get_a_positive_value() -> None:
    fit = GammaGammaFit(4.0, 3.5, 20.0, 0.0, True, 1)
    x = np.array([0.0, 2.0, 2.0, 5.0])
    m = np.array([np.nan, np.nan, 0.0, -40.0])
    value = expected_order_value(fit, x, m)
    assert np.all(value > 0)
    assert value[0] == value[1] == pytest.approx(fit.population_mean)
    assert value[3] < value[2] < value[0]


def test_useless_rows_are_left_out_of_the_fit() -> None:
    x, m = cdnow_spend()
    noise_x = np.concatenate([x, [0.0, 3.0, 2.0]])
    noise_m = np.concatenate([m, [np.nan, -5.0, 0.0]])
    assert fit_gamma_gamma(noise_x, noise_m) == fit_gamma_gamma(x, m)


def test_equal_orders_take_the_penalised_path() -> None:
    fit = fit_gamma_gamma(np.full(50, 4.0), np.full(50, 25.0))
    assert not fit.converged
    value = expected_order_value(fit, np.array([4.0]), np.array([25.0]))
    assert value[0] == pytest.approx(25.0, rel=0.25)


def test_a_fit_survives_json_bit_for_bit() -> None:
    fit = fit_gamma_gamma(*cdnow_spend())
    assert GammaGammaFit.from_dict(json.loads(json.dumps(fit.to_dict()))) == fit


def test_too_few_repeat_customers_are_refused() -> None:
    with pytest.raises(FitError, match="10 customers"):
        fit_gamma_gamma(np.ones(40), np.full(40, np.nan))
