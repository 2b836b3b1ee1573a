"""Steadiness of tiers over time, worked out by hand and by the obvious loop."""

from __future__ import annotations

import itertools
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.migration.policy import MigrationPolicy
from training.evaluation.migration import (
    ABSENT,
    QUARTER_DAYS,
    GradeHistory,
    partial_moves,
    replay,
    steadiness,
)

CUTS = np.array([75.0, 50.0, 0.0])
MONTHLY = np.array(["2025-01-01"], "M8[D]") + 30 * np.arange(8)


def history(scores: list[list[float]], deserved: list[list[int]] | None = None) -> GradeHistory:
    """Return the history of customers, a row of scores each; NaN is not graded."""
    score = np.array(scores, dtype=float).T
    tier = np.where(np.isnan(score), ABSENT, np.sum(score[..., None] < CUTS[:-1], axis=-1))
    right = np.full(tier.shape, ABSENT) if deserved is None else np.array(deserved).T
    return GradeHistory(MONTHLY[: len(score)], tier, right, score, CUTS)


def test_a_history_is_made_of_rows() -> None:
    found = GradeHistory.of(
        np.array(["2025-02-01", "2025-01-01", "2025-02-01"], "M8[D]"),
        np.array(["b", "a", "a"]),
        np.array([2, 0, 1]),
        np.array([ABSENT, 1, 1]),
        np.array([10.0, 80.0, 60.0]),
        CUTS,
    )
    assert found.days.tolist() == [date(2025, 1, 1), date(2025, 2, 1)]
    assert found.tier.tolist() == [[0, ABSENT], [1, 2]]
    assert found.deserved.tolist() == [[1, ABSENT], [1, ABSENT]]
    assert found.score[1].tolist() == [60.0, 10.0]
    assert math.isnan(found.score[0, 1])


def test_a_policy_is_replayed_as_it_would_have_run() -> None:
    seen = history([[60, 49, 60, 47, 47, 80], [60, math.nan, 47, 60, 47, 47]])
    assert (replay(seen, MigrationPolicy()) == seen.tier).all()
    held = replay(seen, MigrationPolicy(hysteresis_down=2.0, hysteresis_up=6.0, grace_days=30))
    # 49 is not 2 points below 50; 47 is, and takes effect a month later; 80 is not 6 above 75.
    assert held[:, 0].tolist() == [1, 1, 1, 1, 2, 1]
    assert held[:, 1].tolist() == [1, ABSENT, 1, 1, 1, 2]


def test_rating_agencies_move_part_of_the_way() -> None:
    """Altman and Rijken: beyond the threshold, 60 % up and 70 % down."""
    seen = history([[60, 68, 80, 80, 40, math.nan, 40]])
    held = partial_moves(seen, 9.0, 0.7, 0.6)
    # 60 stays for 68 (8 off); 80 moves it to 72, then 80 is 8 off; 40 moves it to 49.6, and 40 is
    # 9.6 off: 42.88.
    assert held[:, 0].tolist() == [1, 1, 1, 1, 2, ABSENT, 2]
    assert (partial_moves(seen, 0.0, 1.0, 1.0) == seen.tier).all()


def test_moves_and_reversals_a_year() -> None:
    seen = history([[60, 49, 60, 60, 60, 60, 60, 60], [60, 49, 80, 80, 80, 80, 80, 80]])
    found = steadiness(seen, seen.tier)
    years = 2 * 210 / 365.25
    assert found.moves == pytest.approx(4 / years)
    assert found.reversals == pytest.approx(1 / years)
    assert math.isnan(found.accuracy)
    assert math.isnan(found.delay_quarters)


def test_a_move_taken_back_after_two_quarters_is_no_reversal() -> None:
    for back_after, reversals in ((6, 1), (7, 0)):  # 180 and 210 days
        scores = [60.0] + [40.0] * back_after + [60.0] * (9 - back_after)
        days = np.array(["2025-01-01"], "M8[D]") + 30 * np.arange(10)
        raw = np.array([[1 if s >= 50 else 2] for s in scores])
        seen = GradeHistory(days, raw, np.full((10, 1), ABSENT), np.array([scores]).T, CUTS)
        years = 270 / 365.25
        assert steadiness(seen, raw).reversals == pytest.approx(reversals / years)


def test_accuracy_and_its_two_errors() -> None:
    seen = history([[60, 60, 60, 60]], [[1, 0, 2, ABSENT]])
    found = steadiness(seen, seen.tier)
    assert (found.accuracy, found.too_low, found.too_high) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_the_delay_of_a_true_change() -> None:
    deserved = [1, 0, 0, 0, 0, ABSENT, ABSENT, ABSENT]
    late = steadiness(*_both([60, 60, 60, 80, 80, 80, 80, 80], deserved))
    assert (late.true_changes, late.followed) == (1, 1.0)
    assert late.delay_quarters == pytest.approx(60 / QUARTER_DAYS)
    never = steadiness(*_both([60] * 8, deserved))
    assert never.followed == 0.0
    assert never.delay_quarters == pytest.approx(180 / QUARTER_DAYS)
    early = steadiness(*_both([80] * 8, deserved))
    assert early.delay_quarters == 0.0
    # What lasted for less than 90 days, or is not known for as long, is not a true change.
    for short in ([1, 0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0]):
        assert steadiness(*_both([60] * 8, short)).true_changes in (0, 1)
    assert steadiness(*_both([60] * 8, [1, 0, 1, 0, 1, 0, 1, 0])).true_changes == 0
    worse = steadiness(*_both([60, 60, 40, 40, 40, 40, 40, 40], [1, 2, 2, 2, 2, 2, 2, 2]))
    assert worse.delay_quarters == pytest.approx(30 / QUARTER_DAYS)


def _both(scores: list[float], deserved: list[int]) -> tuple[GradeHistory, np.ndarray]:
    seen = history([scores], [deserved])
    return seen, seen.tier


def test_customers_never_graded_do_not_count() -> None:
    seen = history([[60, 40], [math.nan, math.nan]])
    assert steadiness(seen, seen.tier).moves == pytest.approx(1 / (30 / 365.25))
    assert steadiness(seen, seen.tier).to_dict()["true_changes"] == 0


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=2, max_size=8))
def test_reversals_are_those_of_the_obvious_loop(tiers: list[int]) -> None:
    score = [[80.0, 60.0, 20.0][tier] for tier in tiers]
    seen = history([score])
    moved = [i for i in range(1, len(tiers)) if tiers[i] != tiers[i - 1]]
    back = sum(
        1 for a, b in itertools.pairwise(moved) if tiers[b] == tiers[a - 1] and 30 * (b - a) <= 183
    )
    years = 30 * (len(tiers) - 1) / 365.25
    found = steadiness(seen, seen.tier)
    assert found.reversals == pytest.approx(back / years)
    assert found.moves == pytest.approx(len(moved) / years)
