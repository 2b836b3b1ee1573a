"""Contractual churn: a planted cause is found, horizons are coherent, records are shrunk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from features.schema import FloatArray
from training.errors import FitError
from training.evaluation.metrics import auc, brier, ece, log_loss
from training.models.boosting import Boosted
from training.models.renewal import (
    Contracts,
    OwnRecord,
    RenewalModel,
    ending,
    fit_record,
    fit_renewal,
)
from training.recipe import ChurnTrees

TREES = ChurnTrees(
    rounds=80,
    learning_rate=0.05,
    num_leaves=7,
    min_data_in_leaf=40,
    lambda_l2=5.0,
    feature_fraction=1.0,
    bagging_fraction=1.0,
)


def contracts(n: int, seed: int) -> tuple[Contracts, FloatArray]:
    """Lapses follow a latent trait seen in the record, and a signal that fades with the lead."""
    rng = np.random.default_rng(seed)
    trait, trouble = rng.normal(-1.0, 0.8, n), rng.normal(size=n)
    days = rng.integers(1, 181, n).astype(float)
    ended = rng.integers(0, 5, n).astype(float)
    renewed = ended - rng.binomial(ended.astype(int), expit(trait))
    truth = expit(trait + 1.5 * trouble)
    seen = trouble + days / 90.0 * rng.normal(size=n)
    values = np.column_stack([seen, rng.normal(size=n)])
    lapsed = (rng.random(n) < truth).astype(float)
    return Contracts(("trouble", "noise"), values, days, ended, renewed, lapsed), truth


@pytest.fixture(scope="module")
def model() -> RenewalModel:
    return fit_renewal(contracts(3000, 0)[0], contracts(1500, 1)[0], TREES, seed=1, threads=1)


def test_it_beats_the_base_rate_and_the_record_alone(model: RenewalModel) -> None:
    later, truth = contracts(4000, 2)
    chance = model.lapse(later)
    record = model.record.rate(later.ended, later.renewed)
    base = np.full(len(later), later.lapsed.mean())
    assert auc(later.lapsed, chance) > auc(later.lapsed, record) + 0.1 > 0.6
    for other in (record, base):
        assert log_loss(later.lapsed, chance) < 0.93 * log_loss(later.lapsed, other)
        assert brier(later.lapsed, chance) < 0.93 * brier(later.lapsed, other)
    assert ece(later.lapsed, chance) < 0.04
    assert np.corrcoef(chance, truth)[0, 1] > 0.6


def test_a_signal_weighs_more_when_the_end_is_near(model: RenewalModel) -> None:
    rows, _ = contracts(2, 0)
    values = np.array([[2.0, 0.0], [-2.0, 0.0]])
    same = np.full(2, 1.0)

    def span(days: float) -> float:
        asked = replace(rows, values=values, days_to_end=same * days, ended=same, renewed=same)
        high, low = model.lapse(asked)
        return float(high - low)

    assert span(5.0) > span(175.0) + 0.1 > 0.1


def test_horizons_never_fall_and_begin_at_the_end_of_the_contract(model: RenewalModel) -> None:
    later, _ = contracts(500, 3)
    horizons = (30, 60, 90, 180)
    found = model.within(later, horizons)
    assert (np.diff(found, axis=1) >= 0.0).all()
    before = later.days_to_end[:, None] > np.array(horizons)
    assert (found[before] == 0.0).all()
    assert (found[~before] > 0.0).all()
    np.testing.assert_array_equal(found[:, -1], model.lapse(later))


def test_contracts_are_read_from_published_indicators() -> None:
    columns = (
        "contract_renewal_rate_730d",
        "order_days_90d",
        "contract_days_to_end",
        "contract_ended_count_730d",
    )
    values = np.array([[2 / 3, 5.0, 30.0, 3.0], [np.nan, 7.0, 31.0, 0.0], [1.0, 9.0, np.nan, 1.0]])
    due = ending(columns, values, 30)
    assert due.tolist() == [True, False, False]
    read = Contracts.of(columns, values, np.array([1.0, 0.0, np.nan]))
    assert read.columns == ("contract_renewal_rate_730d", "order_days_90d")
    assert read.renewed.tolist() == [2.0, 0.0, 1.0]
    only = read.where(due)
    assert (len(only), only.days_to_end.tolist(), only.lapsed.tolist()) == (1, [30.0], [1.0])
    assert only.matrix().tolist() == [[2 / 3, 5.0, 30.0]]


def test_a_record_is_shrunk_by_how_well_it_foretells() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    ended = rng.integers(0, 6, n).astype(float)
    rate = rng.beta(1.2, 2.8, n)  # a strength of 4
    renewed = ended - rng.binomial(ended.astype(int), rate)
    told = fit_record(ended, renewed, (rng.random(n) < rate).astype(float))
    assert told.base_rate == pytest.approx(0.3, abs=0.01)
    assert told.strength == pytest.approx(4.0, rel=0.15)
    chance = fit_record(ended, renewed, (rng.random(n) < 0.3).astype(float))
    assert chance.strength > 50.0


def test_a_record_moves_from_the_base_to_itself() -> None:
    record = OwnRecord(0.3, 4.0)
    rate = record.rate(np.array([0.0, 4.0, 4.0, 400.0]), np.array([0.0, 4.0, 0.0, 0.0]))
    assert rate.tolist() == pytest.approx([0.3, 0.15, 0.65, 401.2 / 404.0])
    assert record.log_odds(np.zeros(1), np.zeros(1))[0] == pytest.approx(np.log(0.3 / 0.7))


def test_open_contracts_are_not_learned_from(model: RenewalModel) -> None:
    earlier, latest = contracts(3000, 0)[0], contracts(1500, 1)[0]
    strange = contracts(500, 9)[0]
    strange = replace(strange, lapsed=np.full(500, np.nan), values=strange.values * 1e6)
    again = fit_renewal(
        earlier.and_then(strange), strange.and_then(latest), TREES, seed=1, threads=1
    )
    later, _ = contracts(100, 2)
    np.testing.assert_array_equal(again.lapse(later), model.lapse(later))


def test_it_survives_json(model: RenewalModel) -> None:
    document = json.loads(json.dumps(model.to_dict()))
    again = RenewalModel.from_dict(document, Boosted(model.boosted.text))
    later, _ = contracts(100, 2)
    np.testing.assert_array_equal(again.lapse(later), model.lapse(later))


def test_what_cannot_be_learned_is_told() -> None:
    some, _ = contracts(200, 0)
    for few in (some.where(np.arange(200) < 30), replace(some, lapsed=np.zeros(200))):
        with pytest.raises(FitError, match=r"Renewal cannot be learned from \d+ contracts"):
            fit_renewal(few, some, TREES, seed=1, threads=1)
