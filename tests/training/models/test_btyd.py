"""BG/NBD and MBG/NBD against published figures, numeric integration and simulation."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law

from features.schema import FloatArray
from training.errors import FitError
from training.models import btyd
from training.models.btyd import BtydFit, Kind, fit_bgnbd, fit_btyd, fit_mbgnbd

KINDS: tuple[Kind, ...] = ("bgnbd", "mbgnbd")


def _fit(kind: Kind, r: float = 0.8, alpha: float = 6.0, a: float = 0.9, b: float = 2.5) -> BtydFit:
    return BtydFit(kind, r, alpha, a, b, 0.0, True, 1)


def cdnow_summary() -> tuple[FloatArray, FloatArray, FloatArray]:
    """x, t_x, T in days of the published 1/10 sample, from the wheel's data file."""
    spec = find_spec("lifetimes")  # finds the folder, imports nothing
    if spec is None or spec.origin is None:
        pytest.skip("the lifetimes wheel, which carries the CDNOW file, is not installed")
    path = Path(spec.origin).parent / "datasets" / "cdnow_customers_summary.csv"
    rows = np.genfromtxt(path, delimiter=",", names=True)
    return rows["frequency"], rows["recency"] * 7.0, rows["T"] * 7.0


def test_bgnbd_reproduces_the_published_cdnow_fit() -> None:
    fit = fit_bgnbd(*cdnow_summary())
    assert fit.converged
    assert fit.n == 2357
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=0.001
    )
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.1)


def test_mbgnbd_fits_cdnow_and_doubts_one_time_buyers() -> None:
    x, t_x, T = cdnow_summary()
    fit = fit_mbgnbd(x, t_x, T)
    assert fit.converged
    once = x == 0
    assert float(btyd.p_alive(fit, x, t_x, T)[once].max()) < 0.9
    plain = fit_bgnbd(x, t_x, T)
    assert fit.log_likelihood > plain.log_likelihood
    assert np.all(btyd.p_alive(plain, x, t_x, T)[once] == 1.0)


def test_fitted_from_the_shared_event_log() -> None:
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "cdnow"
    if not folder.is_dir():
        pytest.skip("the folder of real data is not beside the repository")
    pq = pytest.importorskip("pyarrow.parquet")
    sample = set(pq.read_table(folder / "sample_1_10_customers.parquet")["customer_id"].to_pylist())
    log = pq.read_table(folder / "transactions.parquet", columns=["customer_id", "ts"])
    end = np.datetime64("1997-09-30")
    days: dict[str, set[np.datetime64]] = {}
    for customer, ts in zip(log["customer_id"].to_pylist(), log["ts"].to_pylist(), strict=True):
        day = np.datetime64(ts.date())
        if customer in sample and day <= end:
            days.setdefault(customer, set()).add(day)
    first = np.array([min(d) for d in days.values()])
    last = np.array([max(d) for d in days.values()])
    x = np.array([len(d) - 1.0 for d in days.values()])
    fit = fit_bgnbd(x, (last - first).astype(float), (end - first).astype(float))
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=0.005
    )
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0, 20), (1, 6, 20), (4, 18, 20), (9, 30, 31)])
def test_likelihood_is_the_integral_over_rates_and_dropout(
    kind: Kind, x: int, t_x: int, T: int
) -> None:
    fit = _fit(kind)

    # midpoints of equal probability, so the average over the grid is the integral
    middle = (np.arange(1200) + 0.5) / 1200
    rate = gamma_law.ppf(middle, fit.r, scale=1 / fit.alpha)[:, None]
    p = beta_law.ppf(middle, fit.a, fit.b)[None, :]
    chances = x if kind == "bgnbd" else x + 1
    individual = (1 - p) ** chances * rate**x * np.exp(-rate * T)
    if chances:
        individual = individual + p * (1 - p) ** (chances - 1) * rate**x * np.exp(-rate * t_x)
    slow = float(individual.mean())
    fast = btyd.log_likelihood(fit, *(np.array([v]) for v in (float(x), t_x * 7.0, T * 7.0)))
    assert fast[0] == pytest.approx(np.log(slow), abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_slope_of_the_objective(kind: Kind) -> None:
    rng = np.random.default_rng(3)
    T = rng.uniform(50, 300, 60)
    x = rng.poisson(2, 60).astype(float)
    history = btyd._Histories.of(x, np.where(x > 0, T * rng.random(60), 0.0), T)
    theta = np.array([-0.3, 1.1, 0.2, 0.7])
    _, gradient = btyd._objective(theta, kind, history, 0.05)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        up, _ = btyd._objective(theta + step, kind, history, 0.05)
        down, _ = btyd._objective(theta - step, kind, history, 0.05)
        assert gradient[i] == pytest.approx((up - down) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_agree_with_a_simulated_market(kind: Kind) -> None:
    """Simulate customers, keep those with one history, look at what they do next."""
    fit = _fit(kind, r=1.5, alpha=5.0, a=0.8, b=3.0)
    rng = np.random.default_rng(5)
    n, T, h = 200_000, 10.0, 8.0
    rate = rng.gamma(fit.r, 1 / fit.alpha, n)
    p = rng.beta(fit.a, fit.b, n)
    clock, x, t_x, later = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    alive = np.ones(n, dtype=bool) if kind == "bgnbd" else rng.random(n) > p
    alive_at_T = alive.copy()
    for _ in range(60):
        clock = clock + rng.exponential(1 / rate)
        before, after = alive & (clock <= T), alive & (clock > T) & (clock <= T + h)
        x[before] += 1
        t_x[before] = clock[before]
        later[after] += 1
        leaves = rng.random(n) < p
        alive_at_T &= ~(leaves & before)
        alive &= ~(leaves & (before | after))
    for count, early, late in ((0, 0.0, 0.0), (1, 2.0, 4.0), (3, 6.0, 9.0)):
        group = (x == count) & (t_x >= early) & (t_x <= late)
        m = int(group.sum())
        assert m > 1500
        rows = x[group], t_x[group] * 7.0, np.full(m, T * 7.0)
        expected = float(btyd.expected_transactions(fit, *rows, h * 7.0).mean())
        error = float(later[group].std()) / np.sqrt(m)
        assert expected == pytest.approx(float(later[group].mean()), abs=4.5 * error)
        none = float(btyd.no_purchase_probability(fit, *rows, h * 7.0).mean())
        assert none == pytest.approx(float((later[group] == 0).mean()), abs=4.5 * 0.5 / np.sqrt(m))
        stayed = float(btyd.p_alive(fit, *rows).mean())
        assert stayed == pytest.approx(float(alive_at_T[group].mean()), abs=4.5 * 0.5 / np.sqrt(m))


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_found_again(kind: Kind) -> None:
    rng = np.random.default_rng(8)
    n = 6_000
    rate, p = rng.gamma(0.9, 1 / 5.0, n), rng.beta(0.8, 2.5, n)
    T = rng.uniform(20, 52, n)
    clock, x, t_x = np.zeros(n), np.zeros(n), np.zeros(n)
    alive = np.ones(n, dtype=bool) if kind == "bgnbd" else rng.random(n) > p
    for _ in range(120):
        clock = clock + rng.exponential(1 / rate)
        alive &= clock <= T
        x[alive] += 1
        t_x[alive] = clock[alive]
        alive &= rng.random(n) > p
    fit = fit_btyd(kind, x, t_x * 7.0, T * 7.0)
    assert fit.converged
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx([0.9, 5.0, 0.8, 2.5], rel=0.25)


@given(
    kind=st.sampled_from(KINDS),
    x=st.integers(0, 5000),
    share=st.floats(0.0, 1.0),
    T=st.floats(0.0, 5000.0),
    a=st.floats(0.01, 50.0),
    b=st.floats(0.01, 500.0),
)
def test_predictions_stay_finite_and_ordered(
    kind: Kind, x: int, share: float, T: float, a: float, b: float
) -> None:
    fit = _fit(kind, a=a, b=b)
    rows = np.array([float(x)]), np.array([share * T if x else 0.0]), np.array([T])
    alive = btyd.p_alive(fit, *rows)[0]
    short, long = (btyd.expected_transactions(fit, *rows, h)[0] for h in (30.0, 90.0))
    none_short, none_long = (btyd.no_purchase_probability(fit, *rows, h)[0] for h in (30.0, 90.0))
    assert 0.0 <= alive <= 1.0
    assert np.isfinite(long)
    assert 0.0 <= short <= long * (1 + 1e-9)
    assert 0.0 <= none_long <= none_short + 1e-9
    assert none_short <= 1.0
    # whoever left does not buy
    assert none_short >= (1.0 - alive) - 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_stable_form_equals_the_published_formula(kind: Kind) -> None:
    from scipy.special import hyp2f1

    fit = _fit(kind)
    x, t_x, T = np.arange(8.0), np.linspace(0, 20, 8), np.full(8, 26.0)
    h = 12.0
    c = x if kind == "bgnbd" else x + 1
    top = fit.a + fit.b + c - 1
    z = h / (fit.alpha + T + h)
    ratio = ((fit.alpha + T) / (fit.alpha + T + h)) ** (fit.r + x)
    bracket = 1 - ratio * hyp2f1(fit.r + x, fit.b + c, top, z)
    published = top / (fit.a - 1) * bracket * btyd.p_alive(fit, x, t_x * 7, T * 7)
    ours = btyd.expected_transactions(fit, x, t_x * 7, T * 7, h * 7)
    np.testing.assert_allclose(ours, published, rtol=1e-10)


def test_the_singular_point_is_bridged() -> None:
    rows = np.array([2.0]), np.array([70.0]), np.array([100.0])
    near = [
        btyd.expected_transactions(_fit("mbgnbd", a=a), *rows, 90.0)[0] for a in (0.999, 1.0, 1.001)
    ]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-4)


def test_a_market_nobody_leaves_takes_the_penalised_path() -> None:
    rng = np.random.default_rng(2)
    T = np.full(300, 350.0)
    x = rng.poisson(50, 300).astype(float)
    fit = fit_mbgnbd(x, T - rng.uniform(0, 7, 300), T)
    assert not fit.converged
    assert np.isfinite([fit.r, fit.alpha, fit.a, fit.b, fit.log_likelihood]).all()
    soon = btyd.expected_transactions(fit, x, T - 3.0, T, 35.0)
    assert float(soon.mean()) == pytest.approx(5.0, rel=0.1)


def test_a_fit_survives_json_bit_for_bit() -> None:
    fit = fit_mbgnbd(*cdnow_summary())
    assert BtydFit.from_dict(json.loads(json.dumps(fit.to_dict()))) == fit


@pytest.mark.parametrize(
    ("x", "t_x", "T", "told"),
    [
        (np.ones(5), np.ones(5), np.ones(5), "20 customers"),
        (np.zeros(30), np.zeros(30), np.ones(30), "ever bought twice"),
        (np.ones(30), np.full(30, 9.0), np.ones(30), "impossible"),
        (np.full(30, np.nan), np.ones(30), np.ones(30), "impossible"),
    ],
)
def test_hopeless_data_are_refused(
    x: FloatArray, t_x: FloatArray, T: FloatArray, told: str
) -> None:
    with pytest.raises(FitError, match=told):
        fit_mbgnbd(x, t_x, T)
