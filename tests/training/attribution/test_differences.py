"""Difference in differences of matched pairs (#110)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import ttest_1samp

from training.attribution.differences import Pairs, difference_in_differences, pair_up
from training.errors import FitError


def pairs(m: int) -> Pairs:
    return Pairs(np.arange(m), np.arange(m, 2 * m), 0)


def test_by_hand() -> None:
    # 20 pairs, one period before and one after; the treated gain 3 and their peers 1.
    spend = np.concatenate([np.tile([10.0, 13.0], (20, 1)), np.tile([5.0, 6.0], (20, 1))])
    found = difference_in_differences(spend, pairs(20), 1)
    assert (found.estimate, found.error, found.p_value) == (2.0, 0.0, 1.0)
    assert found.by_period.tolist() == [0.0, 2.0]
    assert math.isnan(found.pre_trend)
    assert found.pairs == 20


def test_it_is_the_t_test_of_the_pairs() -> None:
    rng = np.random.default_rng(0)
    spend = rng.normal(size=(60, 4))
    found = difference_in_differences(spend, pairs(30), 2)
    gap = spend[:30] - spend[30:]
    effect = gap[:, 2:].mean(axis=1) - gap[:, :2].mean(axis=1)
    known = ttest_1samp(effect, 0)
    assert found.p_value == pytest.approx(known.pvalue)
    low, high = known.confidence_interval()
    assert (found.lower, found.upper) == pytest.approx((low, high))
    # One period before the last one: Hotelling's test is the t-test squared.
    trend = ttest_1samp(gap[:, 0] - gap[:, 1], 0)
    assert found.pre_trend == pytest.approx(trend.pvalue)
    assert f_distribution.sf(trend.statistic**2, 1, 29) == pytest.approx(trend.pvalue)


def test_pairs_are_the_greedy_ones() -> None:
    rng = np.random.default_rng(1)
    treated = np.arange(60) < 12
    covariates, stratum = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    found = pair_up(treated, covariates, stratum, caliper=1.0)
    scaled = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    left = [
        (np.linalg.norm(scaled[i] - scaled[j]), i, j)
        for i in np.flatnonzero(treated)
        for j in np.flatnonzero(~treated)
        if stratum[i] == stratum[j] and np.linalg.norm(scaled[i] - scaled[j]) <= np.sqrt(2)
    ]
    expected = []
    while left:
        _, i, j = min(left)
        expected.append((i, j))
        left = [(d, a, b) for d, a, b in left if a != i and b != j]
    assert list(zip(found.treated, found.peer, strict=True)) == sorted(expected)
    assert found.unmatched == 12 - len(expected)
    assert len({*found.treated, *found.peer}) == 2 * len(expected)


def test_who_has_no_peer_is_counted() -> None:
    treated = np.array([True, True, False])
    covariates = np.array([[0.0], [9.0], [0.1]])
    found = pair_up(treated, covariates, np.array([0, 0, 0]))
    assert (found.treated.tolist(), found.peer.tolist(), found.unmatched) == ([0], [2], 1)
    alone = pair_up(treated, covariates, np.array([1, 1, 0]))
    assert (alone.treated.size, alone.unmatched) == (0, 2)
    constant = pair_up(treated, np.ones((3, 1)), np.zeros(3, int))
    assert constant.treated.size == 1


def test_the_interval_covers_and_the_pre_trend_is_quiet() -> None:
    rng = np.random.default_rng(2)
    covered, alarms = [], []
    for _ in range(300):
        level = np.repeat(rng.gamma(2, 50, 80)[:, None], 6, axis=1)
        spend = level + 5 * np.arange(6) + rng.normal(0, 20, (80, 6))
        spend[:40, 3:] += 12
        found = difference_in_differences(spend, pairs(40), 3)
        covered.append(found.lower <= 12 <= found.upper)
        alarms.append(found.pre_trend < 0.05)
    assert 0.91 <= np.mean(covered) <= 0.985
    assert np.mean(alarms) <= 0.09


def test_a_drift_before_the_change_is_found() -> None:
    rng = np.random.default_rng(3)
    spend = rng.normal(0, 5, (80, 6))
    spend[:40] += 6 * np.arange(6)
    assert difference_in_differences(spend, pairs(40), 4).pre_trend < 0.001


def test_what_cannot_be_compared() -> None:
    with pytest.raises(FitError, match="Only 19"):
        difference_in_differences(np.zeros((38, 2)), pairs(19), 1)
    for first_after in (0, 2):
        with pytest.raises(FitError, match="before and a period after"):
            difference_in_differences(np.zeros((40, 2)), pairs(20), first_after)
