"""The paired bootstrap against the textbook and against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.rows_by_hand import judged
from training.evaluation import metrics
from training.evaluation.figures import metric_rows
from training.evaluation.judged import Forecast, Judged, pool
from training.evaluation.rows import COMPARED, OURS, POOLED, MetricRow
from training.evaluation.uncertainty import RESAMPLES, Draws, interval, with_intervals


def origins(n: int = 300, seed: int = 3, noise: float = 0.3) -> list[Judged]:
    rng = np.random.default_rng(seed)
    found = []
    for month in (1, 2):
        worth = rng.lognormal(3, 1, n)
        net = np.where(rng.random(n) < 0.3, 0.0, worth * rng.lognormal(0, 0.5, n))
        label = (net == 0).astype(np.float64)
        near = np.clip(0.3 + 0.4 * (label - 0.3) + rng.normal(0, noise, n), 0.01, 0.99)
        guesses = {OURS: worth, "flat": np.full(n, worth.mean()), "some": worth * 1.3}
        guesses["some"][:40] = np.nan
        guesses["none"] = np.full(n, np.nan)
        odds = {OURS: near, "base": np.full(n, 0.25 + 0.01 * month)}
        bounds = {0.9: (net * 0.5, net + 1.0), 0.8: (net * 0.5, net - 1.0)}
        forecasts = (
            Forecast("churn", 30, label, odds, {}),
            Forecast("ltv", 90, net, guesses, bounds),
        )
        found.append(judged(f"2025-0{month}-01", np.arange(n), forecasts))
    return found


def pooled_rows(parts: list[Judged]) -> list[MetricRow]:
    return [row for row in metric_rows(parts, pool(parts)) if row.origin == POOLED]


def test_repeating_a_customer_adds_no_certainty() -> None:
    rng = np.random.default_rng(2)
    ids, loss = np.array([f"c{i}" for i in range(300)]), rng.normal(0.2, 1.0, 300)
    once = Draws.of(ids, 5).totals(np.column_stack([loss, np.ones(300)]))
    ids6, loss6 = np.tile(ids, 6), np.tile(loss, 6)
    six = Draws.of(ids6, 5).totals(np.column_stack([loss6, np.ones(1_800)]))
    np.testing.assert_allclose(
        interval(once[:, 0] / once[:, 1]), interval(six[:, 0] / six[:, 1]), rtol=1e-9
    )


def test_the_interval_is_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(1)
    loss = rng.normal(0.1, 1.0, 2_000)
    totals = Draws.of(np.arange(2_000).astype(np.str_), 5).totals(
        np.column_stack([loss, np.ones(2_000)])
    )
    low, high = interval(totals[:, 0] / totals[:, 1])
    width = 2 * 1.96 * np.std(loss) / np.sqrt(2_000)
    assert abs((high - low) / width - 1) < 0.15
    assert low < loss.mean() < high
    assert np.isnan(interval(np.array([np.nan]))).all()


def test_draws_of_many_rows_are_fewer_and_small_enough_to_hold() -> None:
    many = Draws(np.zeros(1_000_000, dtype=np.intp), 3, 1)
    assert many.resamples == 100
    assert next(many.by_customer()).shape[0] * 1_000_000 < 10_000_000
    few = Draws.of(np.array(["a", "b"]), 1)
    weights = np.concatenate(list(few.by_row()))
    assert weights.shape == (RESAMPLES, 2)
    assert (weights.sum(axis=1) > 0).all()


def test_every_model_gets_the_intervals_and_the_differences_it_can_have() -> None:
    parts = origins()
    rows, differences = with_intervals(pool(parts), pooled_rows(parts), seed=7)
    by_key = {row.key: row for row in rows}
    for target, days in (("churn", 30), ("ltv", 90)):
        ours = by_key[target, days, OURS]
        assert set(ours.intervals) == set(ours.metrics)
        for name, (low, high) in ours.intervals.items():
            # bins move with the draw, so errors within bins are biased a little upwards
            slack = 0.02 if name in ("ece", "decile_mape") else 0.0
            assert low - slack <= ours.metrics[name] <= high, name
    assert set(by_key["churn", 30, "base"].intervals) == set(COMPARED["churn"])
    assert by_key["ltv", 90, "none"].intervals == {}
    assert not by_key["ltv", 90, "some"].whole
    told = {(d["target"], d["model"], d["metric"]): d for d in differences}
    assert by_key["ltv", 90, OURS].metrics["coverage"] == 1.0
    assert by_key["ltv", 90, OURS].metrics["coverage_80"] == 0.0
    assert {name for _, model, name in told if model == "base"} == set(COMPARED["churn"])
    assert {name for _, model, name in told if model == "some"} == set(COMPARED["ltv"])
    assert not any(model == "none" for _, model, _ in told)
    mae = told["ltv", "flat", "mae"]
    flat = by_key["ltv", 90, "flat"].metrics["mae"]
    assert mae["mean"] == pytest.approx(by_key["ltv", 90, OURS].metrics["mae"] - flat)
    assert mae["low"] < mae["mean"] < mae["high"] < 0
    auc = told["churn", "base", "auc"]
    assert auc["mean"] == pytest.approx(by_key["churn", 30, OURS].metrics["auc"] - 0.5)
    assert auc["low"] > 0


def test_a_model_that_knows_some_is_compared_on_those_alone() -> None:
    parts = origins()
    whole = pool(parts)
    _, differences = with_intervals(whole, pooled_rows(parts), seed=7)
    found = next(d for d in differences if (d["model"], d["metric"]) == ("some", "mae"))
    ltv = whole.main("ltv")
    known = ~np.isnan(ltv.by_model["some"])
    assert (found["n"], found["whole"]) == (int(known.sum()), False)
    assert found["mean"] == pytest.approx(
        metrics.mae(ltv.actual[known], ltv.by_model[OURS][known])
        - metrics.mae(ltv.actual[known], ltv.by_model["some"][known])
    )


def test_a_model_compared_with_itself_differs_by_nothing() -> None:
    parts = [
        replace(
            part,
            forecasts=tuple(
                replace(f, by_model={OURS: f.by_model[OURS], "twin": f.by_model[OURS]})
                for f in part.forecasts
            ),
        )
        for part in origins()
    ]
    _, differences = with_intervals(pool(parts), pooled_rows(parts), seed=7)
    assert len(differences) == len(COMPARED["churn"]) + len(COMPARED["ltv"])
    for each in differences:
        assert (each["mean"], each["low"], each["high"]) == (0.0, 0.0, 0.0)


def test_outcomes_that_are_not_closed_are_left_out() -> None:
    parts = origins()
    last = parts[1]
    churn, ltv = last.forecasts
    open_end = replace(churn, actual=np.full(len(last), np.nan))
    parts[1] = replace(last, forecasts=(open_end, ltv))
    rows, differences = with_intervals(pool(parts), pooled_rows(parts), seed=7)
    ours = next(row for row in rows if row.key == ("churn", 30, OURS))
    assert (ours.n, ours.whole) == (300, True)
    assert ours.metrics["brier"] == pytest.approx(
        metrics.brier(parts[0].main("churn").actual, parts[0].main("churn").by_model[OURS])
    )
    assert {d["n"] for d in differences if d["target"] == "churn"} == {300}


def test_horizons_of_one_target_are_series_of_their_own() -> None:
    parts = []
    for part in origins():
        churn, ltv = part.forecasts
        longer = replace(
            churn, horizon_days=90, by_model={m: p * 0.5 for m, p in churn.by_model.items()}
        )
        parts.append(replace(part, forecasts=(churn, ltv, longer)))
    rows, differences = with_intervals(pool(parts), pooled_rows(parts), seed=7)
    by_key = {row.key: row for row in rows}
    short, long = by_key["churn", 30, OURS], by_key["churn", 90, OURS]
    assert short.metrics["auc"] == long.metrics["auc"]
    assert short.metrics["brier"] != long.metrics["brier"]
    low, high = long.intervals["brier"]
    assert low < long.metrics["brier"] < high
    assert [d["horizon_days"] for d in differences if d["target"] == "churn"] == [30] * 3 + [90] * 3
