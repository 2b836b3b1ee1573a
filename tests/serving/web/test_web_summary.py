"""Counts over a portfolio against plain loops."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from serving.store.portfolio import Population
from serving.web.summary import CHURN_EDGES, SAMPLE_SIZE, SCORE_STEP, summarise


def crowd(n: int, seed: int = 3) -> Population:
    rng = np.random.default_rng(seed)
    score = np.sort(np.round(rng.uniform(0, 100, n), 1))[::-1].copy()
    strategic = rng.uniform(0, 100, n)
    strategic[::3] = np.nan
    churn = rng.uniform(size=n)
    churn[:1] = 1.0
    return Population(
        customer_id=tuple(f"c{i}" for i in range(n)),
        score=score,
        tier_index=np.where(score >= 50, 0, 1),
        churn_probability=churn,
        ltv=rng.gamma(2.0, 500.0, n),
        dimension_scores={"strategic": strategic, "risk": np.full(n, np.nan)},
        stage=np.array([("mature", "lost", "new")[i % 3] for i in range(n)], dtype=np.str_),
    )


def test_every_customer_is_in_the_band_of_their_score_and_tier() -> None:
    people = crowd(500)
    bands = summarise(people, 2).score_bands
    assert len(bands) == 100 / SCORE_STEP
    for band in bands:
        inside = [
            int(tier)
            for score, tier in zip(people.score, people.tier_index, strict=True)
            if band.lower <= score < band.upper or (band.upper == 100.0 == score)
        ]
        assert band.customers == (inside.count(0), inside.count(1))
    assert sum(sum(band.customers) for band in bands) == 500


def test_stages_count_customers_their_value_and_their_risk() -> None:
    people = crowd(400)
    people.ltv[:9] = np.nan
    people.churn_probability[people.stage == "new"] = np.nan
    stages = summarise(people, 2).stages
    assert set(stages) == {"mature", "lost", "new"}
    assert sum(count.customers for count in stages.values()) == 400
    for stage, count in stages.items():
        own = [i for i in range(400) if people.stage[i] == stage]
        assert count.customers == len(own)
        assert count.ltv == pytest.approx(sum(people.ltv[i] for i in own if i >= 9))
        churn = [people.churn_probability[i] for i in own]
        assert (count.churn_mean is None) == (stage == "new")
        assert count.churn_mean is None or count.churn_mean == pytest.approx(statistics.mean(churn))


def test_a_run_from_before_stages_has_none() -> None:
    people = crowd(30)
    assert summarise(replace(people, stage=np.full(30, "", dtype=np.str_)), 2).stages == {}


def test_churn_bands_count_customers_and_their_value() -> None:
    people = crowd(400)
    summary = summarise(people, 2)
    assert [(b.lower, b.upper) for b in summary.churn_bands] == list(pairwise(CHURN_EDGES))
    for band in summary.churn_bands:
        inside = [
            float(ltv)
            for churn, ltv in zip(people.churn_probability, people.ltv, strict=True)
            if band.lower <= churn < band.upper or churn == 1.0 == band.upper
        ]
        assert band.customers == len(inside)
        assert band.ltv == pytest.approx(sum(inside))


def test_medians_leave_the_unknown_out() -> None:
    people = crowd(300)
    summary = summarise(people, 2)
    known = [x for x in people.dimension_scores["strategic"].tolist() if x == x]
    assert summary.dimension_medians["strategic"] == pytest.approx(statistics.median(known))
    assert summary.dimension_medians["risk"] is None
    assert summary.score_median == pytest.approx(statistics.median(people.score.tolist()))
    assert summary.churn_mean == pytest.approx(statistics.mean(people.churn_probability.tolist()))


def test_ranks_share_a_place_when_scores_are_equal() -> None:
    people = crowd(200)
    summary = summarise(people, 2)
    for score in people.score.tolist()[::17]:
        assert summary.rank(score) == 1 + sum(other > score for other in people.score.tolist())


def test_the_sample_is_capped_even_and_always_the_same() -> None:
    people = crowd(5000)
    sample = summarise(people, 2).sample
    assert len(sample) == SAMPLE_SIZE
    assert sample == summarise(people, 2).sample
    assert sample[0].customer_id == "c0"
    assert sample[-1].customer_id == "c4999"
    assert len({customer.customer_id for customer in sample}) == SAMPLE_SIZE
    middle = people.customer_id.index(sample[SAMPLE_SIZE // 2].customer_id)
    assert 2400 < middle < 2600


def test_customers_without_a_forecast_are_not_drawn() -> None:
    people = crowd(4)
    people.churn_probability[0] = np.nan
    people.ltv[1] = np.nan
    people.ltv[2] = 0.0
    summary = summarise(people, 2)
    assert [customer.customer_id for customer in summary.sample] == ["c3"]
    assert sum(band.customers for band in summary.churn_bands) == 3


def test_nobody_gives_no_medians() -> None:
    summary = summarise(crowd(1), 2)
    assert summary.rank(50.0) in {1, 2}
    empty = Population(
        (),
        *(np.empty(0) for _ in range(1)),
        np.empty(0, dtype=np.int64),
        np.empty(0),
        np.empty(0),
        {"risk": np.empty(0)},
        np.empty(0, dtype=np.str_),
    )
    nothing = summarise(empty, 2)
    assert nothing.score_median is None
    assert nothing.churn_mean is None
    assert nothing.sample == ()
    assert nothing.rank(10.0) == 1
