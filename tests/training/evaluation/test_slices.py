"""Parts of the customers: planted neglect is found, fairness passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.schema import FloatArray
from tests.training.evaluation.rows_by_hand import judged
from training.evaluation.judged import Forecast, Judged, pool
from training.evaluation.rows import OURS, SliceRow
from training.evaluation.slices import MAX_INDUSTRIES, history_dependence, slice_rows


def origins(neglect: float = 1.0, *, blind: bool = False, n: int = 600) -> list[Judged]:
    """Two origins; customers 0 to 99 are new, of a new industry, and forecast by ``neglect``.

    ``blind``: the forecast is past spend and nothing else, and outcomes do not follow it.
    """
    rng = np.random.default_rng(8)
    worth = rng.lognormal(3, 1, n)
    parts = []
    for month in (1, 2):
        past = worth * rng.lognormal(0, 0.3, n)
        net = rng.permutation(worth) if blind else worth * rng.lognormal(-0.045, 0.3, n)
        guess: FloatArray = past.copy() if blind else worth * rng.lognormal(-0.02, 0.2, n)
        guess[:100] *= neglect
        label = (rng.random(n) < 0.3).astype(np.float64)
        odds = np.where(np.arange(n) < 100, 0.5, 0.3)
        tenure = np.where(np.arange(n) < 100, 40.0, 800.0)
        forecasts = (
            Forecast("churn", 30, label, {OURS: odds}, {}),
            Forecast("ltv", 90, net, {OURS: guess}, {}),
        )
        parts.append(
            judged(
                f"2025-0{month}-01",
                range(n),
                forecasts,
                tenure_days=tenure,
                past_spend=past,
                score=past,
            )
        )
    return parts


INDUSTRIES = {f"c{i}": "robots" if i < 100 else "bolts" for i in range(600)}


def one(rows: tuple[SliceRow, ...], by: str, part: str, target: str) -> SliceRow:
    return next(r for r in rows if (r.by, r.part, r.target) == (by, part, target))


def test_every_way_of_parting_holds_every_row_once() -> None:
    pooled = pool(origins())
    rows = slice_rows(pooled, 1, INDUSTRIES)
    for by in ("tenure", "size", "industry"):
        assert sum(r.n for r in rows if (r.by, r.target) == (by, "tier")) == len(pooled)
    sizes = [r.n for r in rows if (r.by, r.target) == ("size", "ltv")]
    assert sizes == [600, 360, 180, 60]
    assert not any(r.by == "industry" for r in slice_rows(pooled, 1))
    some = dict.fromkeys([f"c{i}" for i in range(50)], "robots")
    assert one(slice_rows(pooled, 1, some), "industry", "unknown", "tier").n == 1_100


def test_the_smallest_industries_are_one_part() -> None:
    many = {f"c{i}": f"trade {i // 20:02d}" for i in range(600)}
    rows = slice_rows(pool(origins()), 1, many)
    parts = [r.part for r in rows if (r.by, r.target) == ("industry", "tier")]
    assert len(parts) == MAX_INDUSTRIES + 1
    assert parts[-1] == "other"


def test_figures_of_a_part_by_hand() -> None:
    pooled = pool(origins(0.5))
    row = one(slice_rows(pooled, 1), "tenure", "under_90_days", "ltv")
    young = pooled.tenure_days < 90
    ltv, churn = pooled.main("ltv"), pooled.main("churn")
    actual, guess = ltv.actual[young], ltv.by_model[OURS][young]
    assert row.n == 200
    assert row.metrics["bias"] == pytest.approx(guess.sum() / actual.sum() - 1)
    assert row.metrics["mae"] == pytest.approx(np.abs(actual - guess).mean())
    low, high = row.intervals["bias"]
    assert low < row.metrics["bias"] < high < -0.3
    told = one(slice_rows(pooled, 1), "tenure", "under_90_days", "churn")
    assert told.metrics["bias"] == pytest.approx(0.5 - churn.actual[young].mean())
    assert told.metrics["auc"] == 0.5


def test_a_neglected_part_is_named_and_a_fair_one_is_not() -> None:
    fair, unfair = pool(origins()), pool(origins(0.6))
    passed = history_dependence(fair, slice_rows(fair, 1, INDUSTRIES))
    assert passed["undervalued"] == []
    assert passed["passed"]
    assert passed["beyond_past_spend"] > 0.3
    low = one(slice_rows(unfair, 1), "tenure", "under_90_days", "ltv")
    ltv = unfair.main("ltv")
    level = ltv.by_model[OURS].sum() / ltv.actual.sum()
    assert low.metrics["bias_beside_all"] == pytest.approx((1 + low.metrics["bias"]) / level - 1)
    failed = history_dependence(unfair, slice_rows(unfair, 1, INDUSTRIES))
    assert {(p["by"], p["part"]) for p in failed["undervalued"]} == {
        ("tenure", "under_90_days"),
        ("industry", "robots"),
    }
    assert not failed["passed"]


def test_a_season_that_everybody_missed_neglects_nobody() -> None:
    parts = [
        replace(
            part,
            forecasts=(
                part.forecasts[0],
                replace(part.forecasts[1], actual=part.forecasts[1].actual * 2.0),
            ),
        )
        for part in origins()
    ]
    pooled = pool(parts)
    rows = slice_rows(pooled, 1, INDUSTRIES)
    assert one(rows, "industry", "robots", "ltv").metrics["bias"] < -0.4
    assert history_dependence(pooled, rows)["passed"]


def test_a_forecast_that_only_repeats_history_does_not_pass() -> None:
    blind = pool(origins(blind=True))
    found = history_dependence(blind, ())
    assert found["forecast_on_past_spend"] == pytest.approx(1.0)
    assert not found["beyond_past_spend"] > 0.1
    assert not found["passed"]
