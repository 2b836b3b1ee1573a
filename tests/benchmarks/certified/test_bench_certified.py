"""The bench of certified automation counts right, and its page says what was found."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.worlds import b2b
from features.worlds.company.accounts import DECLINE_DAYS, draw_accounts
from features.worlds.company.demand import expectations
from features.worlds.company.seasons import day_number
from tests.benchmarks.certified import bench_certified, bench_runs
from tests.benchmarks.certified.bench_rows import CASES, Judgement, Rows
from tests.benchmarks.certified.bench_runs import Prepared, compared, stand_at
from tests.benchmarks.certified.bench_truth import drawn_futures
from tests.benchmarks.certified.certified_figure import draw
from tests.benchmarks.certified.certified_page import page
from tiering.certification.search import Promise, most_generous
from tiering.certification.trial import Trial
from training.models.tier_view import TierView, shares_of

CUTS = np.array([70.0, 40.0])


def rows(k: int, n: int = 900) -> Rows:
    """Return an origin of customers whose realised scores differ by normal noise."""
    rng = np.random.default_rng(k)
    score = rng.uniform(0.0, 100.0, n)
    tier = (score[:, None] < CUTS).sum(axis=1)
    view = TierView(
        tier=tier,
        score=score,
        settled=score - 10.0,
        open_weight=np.full(n, 0.2),
        cuts=CUTS,
        shares=shares_of(tier, 3),
        churn=rng.random(n),
        ltv=score,
        lower=score - 5.0,
        upper=score + 5.0,
        width=np.ones(n),
        dimensions=score[:, None],
    )
    later = score + rng.normal(0.0, 4.0, n)
    right = (later[:, None] < CUTS).sum(axis=1)
    return Rows(
        day=np.datetime64("2025-01-01") + np.timedelta64(30 * k, "D"),
        customer_id=np.array([f"C{i:04d}" for i in range(n)]),
        view=view,
        right={"hindsight": right, "value": rng.permutation(right)},
        net_value=np.maximum(later, 0.0),
        churned=np.zeros(n),
        margin=np.abs(score[:, None] - CUTS).min(axis=1),
        blocked=rng.random(n) < 0.1,
        weight=np.full((n, 2), 0.1),
    )


@pytest.fixture(scope="module")
def judged() -> Judgement:
    return Judgement("journey", False, 30, tuple(rows(k) for k in range(7)))


@pytest.fixture(scope="module")
def results(judged: Judgement) -> dict[str, Any]:
    before, bench_certified.RESAMPLES = bench_certified.RESAMPLES, 10
    try:
        case = bench_certified.examined(judged, Promise(), 1.5)
    finally:
        bench_certified.RESAMPLES = before
    return {
        "promise": {
            "level": 0.05,
            "delta": 0.05,
            "margin": 0.0,
            "least": 150,
            "calibration_origins": 3,
        },
        "resamples": 10,
        "tier_ids": ["gold", "silver", "rest"],
        "band": 1.5,
        "cases": [case],
        "skipped": {"b2b": "it is not here"},
    }


def test_sorted_once_or_every_time_is_the_same() -> None:
    rng = np.random.default_rng(1)
    n = 3_000
    confidence = rng.beta(20.0, 1.0, n)
    tier = np.zeros(n, dtype=np.int64)
    trial = Trial(
        origin=np.repeat(["2025-01-01", "2025-02-01", "2025-03-01"], n // 3),
        confidence=np.where(rng.random(n) < 0.05, np.nan, confidence),
        tier=tier,
        right=tier + (rng.random(n) > confidence),
        candidate=rng.random(n) < 0.9,
        tiers=2,
    )
    prepared, found = Prepared.of(trial, Promise()), set()
    for _ in range(20):
        times = np.bincount(rng.integers(0, n, n), minlength=n)
        again = trial.where(np.repeat(np.arange(n), times))
        assert prepared.threshold(times) == most_generous(again, Promise())
        found.add(prepared.threshold(times))
    assert found != {None}


def test_rivals_by_hand(judged: Judgement) -> None:
    stand = stand_at(judged, 6, "hindsight")
    assert stand is not None
    assert [str(judged.rows[k].day) for k in stand.calibration] == [
        "2025-04-01", "2025-05-01", "2025-05-31",
    ]  # fmt: skip
    found = compared(stand, 0.5, 0.03, 1.5)
    test = stand.test["scheme"]
    free = ~judged.rows[6].blocked
    best = 0.0
    for band in np.unique(stand.margin[free]):
        chosen = free & (stand.margin >= band)
        if test.wrong[chosen].mean() <= 0.03:
            best = max(best, float(chosen.mean()))
    assert found["fixed_band"] == pytest.approx(best)
    outside = free & (stand.margin >= 1.5)
    assert found["scheme_band_auto"] == pytest.approx(outside.mean())
    assert found["scheme_band_risk"] == pytest.approx(test.wrong[outside].mean())


def test_the_page_says_what_was_found(results: dict[str, Any], tmp_path: Path) -> None:
    text = page(results)
    case = results["cases"][0]
    hindsight = case["definitions"]["hindsight"]["issues"]["scheme"]
    assert [row["day"] for row in hindsight] == ["2025-05-01", "2025-05-31", "2025-06-30"]
    kept = np.mean([risk <= 0.05 for row in hindsight for risk in row["runs_risk"]])
    assert f"{kept:.1%} of 30 runs" in text
    # By value the tiers are shuffled: nothing can be certified, and the page says so.
    assert "Complete Journey, value: **nothing can be certified" in text
    assert "Left out: b2b: it is not here" in text
    assert "Simulated" not in text
    for row in hindsight:
        assert row["selected"] == sum(n for n, _ in row["by_tier"])
        assert row["errors"] == sum(errors for _, errors in row["by_tier"])
    draw(results, tmp_path / "a.svg")
    draw(results, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_drawn_futures_agree_with_the_planted_expectations() -> None:
    """Of accounts that fade already, the day of churn is known: the truth expects the same."""
    day, horizon, futures = date(2026, 1, 31), 90, 300
    net = drawn_futures(day, horizon, futures, np.random.default_rng(1))
    assert net.shape == (b2b.ACCOUNTS, futures)
    a = draw_accounts(b2b.SEED, 0)
    at = day_number(day)
    orders, expected = expectations(a, np.array([at]), (horizon,))[horizon]
    fading = (a.start <= at) & (a.churn - at - 1 < DECLINE_DAYS)
    drawn = net[: len(fading)]
    error = drawn.std(axis=1) / np.sqrt(futures)
    apart = np.abs(drawn.mean(axis=1) - expected[:, 0])[fading]
    assert fading.sum() > 50
    assert (apart <= 5.0 * error[fading] + 0.01 * expected[fading, 0]).all()
    silent = (drawn == 0.0).mean(axis=1)[fading]
    assert silent == pytest.approx(np.exp(-orders[fading, 0]), abs=0.12)


@pytest.mark.parametrize("name", list(CASES))
def test_every_case_is_a_recipe(name: str) -> None:
    recipe = CASES[name].recipe
    assert recipe.backtest.origins >= 14
    assert bench_runs.COMPARED in ("hindsight", "value")
