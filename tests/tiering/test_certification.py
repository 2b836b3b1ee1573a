"""Certified automation (#93, #96; issue 5 item 6): the bound, the threshold and its properties."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.certification.bounds import (
    least_selected,
    too_few_errors,
    too_many_errors,
    upper_bound,
)
from tiering.certification.certificate import Certificate, certify
from tiering.certification.search import Promise, counts, most_generous
from tiering.certification.trial import Trial
from tiering.errors import PolicyError, PopulationError

SMALL = Promise(least=1, grid=(0.9, 0.8, 0.7))


def trial(
    confidence: np.ndarray,
    wrong: np.ndarray,
    *,
    origin: np.ndarray | None = None,
    tier: np.ndarray | None = None,
    candidate: np.ndarray | None = None,
) -> Trial:
    """Return a trial of four tiers; who is wrong is off by one tier."""
    n = len(confidence)
    tier = np.zeros(n, dtype=np.int64) if tier is None else tier
    return Trial(
        origin=np.full(n, "2026-01-31") if origin is None else origin,
        confidence=np.asarray(confidence, dtype=np.float64),
        tier=tier,
        right=np.where(wrong, np.where(tier < 3, tier + 1, tier - 1), tier),
        candidate=np.ones(n, dtype=np.bool_) if candidate is None else candidate,
        tiers=4,
    )


def drawn(rng: np.random.Generator, n: int, origins: int = 1) -> Trial:
    """Return customers whose chance to be wrong is what their confidence leaves."""
    confidence = rng.beta(6.0, 1.0, n * origins)
    return trial(
        confidence,
        rng.random(n * origins) < 1.0 - confidence,
        origin=np.repeat([f"2026-0{k + 1}-28" for k in range(origins)], n),
        tier=rng.integers(0, 4, n * origins),
    )


def test_bounds_by_hand() -> None:
    # Without a mistake the bound solves (1 - p)^n = delta; 59 are the fewest for 5 % and 95 %.
    upper = upper_bound(np.array([0, 0, 3]), np.array([59, 0, 3]), 0.05)
    assert upper[0] == pytest.approx(1 - 0.05 ** (1 / 59), abs=1e-12)
    assert upper[1:].tolist() == [1.0, 1.0]
    assert least_selected(0.05, 0.05) == 59
    assert too_few_errors(np.array([0]), np.array([59]), 0.05)[0] == pytest.approx(0.95**59)
    assert too_many_errors(1, 2, 0.05) == pytest.approx(1 - 0.95**2)
    assert too_many_errors(0, 0, 0.05) == 1.0
    # One of two is not more than chance allows, five of ten are.
    assert too_many_errors(5, 10, 0.05) < 0.001


@given(st.integers(0, 40), st.integers(1, 400), st.floats(0.01, 0.5), st.floats(0.01, 0.3))
def test_bound_and_test_agree(errors: int, n: int, level: float, delta: float) -> None:
    errors = min(errors, n)
    upper = upper_bound(np.array([errors]), np.array([n]), delta)[0]
    chance = too_few_errors(np.array([errors]), np.array([n]), level)[0]
    if abs(chance - delta) > 1e-9 and errors < n:
        assert (upper <= level) == (chance <= delta)


def test_counts_agree_with_a_slow_loop() -> None:
    rng = np.random.default_rng(1)
    rows = drawn(rng, 80, 3)
    rows = dataclasses.replace(
        rows,
        confidence=np.where(rng.random(240) < 0.1, np.nan, np.round(rows.confidence, 2)),
        candidate=rng.random(240) < 0.8,
    )
    grid = (0.99, 0.9, 0.8, 0.5)
    selected, errors = counts(rows, grid)
    for i, origin in enumerate(rows.origins):
        for j, threshold in enumerate(grid):
            chosen = [
                row
                for row in range(len(rows))
                if rows.origin[row] == origin
                and rows.candidate[row]
                and rows.confidence[row] >= threshold
            ]
            assert selected[i, j] == len(chosen)
            assert errors[i, j] == sum(rows.tier[row] != rows.right[row] for row in chosen)


def test_a_threshold_by_hand() -> None:
    # 100 at 0.9 without a mistake hold (0.95^100 = 0.6 %); with the 100 at 0.8, 4 mistakes of
    # 200 hold (2.6 %) and 5 do not (6.2 %).
    confidence = np.repeat([0.9, 0.8], 100)
    four, five = np.zeros(200, dtype=bool), np.zeros(200, dtype=bool)
    four[100:104] = five[100:105] = True
    assert most_generous(trial(confidence, four), SMALL) == 0.7
    assert most_generous(trial(confidence, five), SMALL) == 0.9
    # Nobody lies between 0.7 and 0.8, so 0.7 selects the same customers.
    only = dataclasses.replace(SMALL, grid=(0.9, 0.8))
    assert most_generous(trial(confidence, four), only) == 0.8


def test_the_first_failure_ends_the_search() -> None:
    confidence = np.repeat([0.9, 0.8], [60, 4_000])
    wrong = np.zeros(4_060, dtype=bool)
    wrong[:1] = True  # one of the 60 surest; 1 of 4,060 would hold, but is never asked
    assert most_generous(trial(confidence, wrong), SMALL) is None
    # Unless so few are not tested at all.
    patient = dataclasses.replace(SMALL, least=61)
    assert most_generous(trial(confidence, wrong), patient) == 0.7


def test_every_origin_must_hold() -> None:
    confidence = np.full(400, 0.95)
    wrong = np.zeros(400, dtype=bool)
    wrong[:10] = True  # 10 of 200 at one origin, none at the other: together 2.5 %
    apart = trial(confidence, wrong, origin=np.repeat(["2026-01-31", "2026-02-28"], 200))
    assert most_generous(trial(confidence, wrong), SMALL) == 0.7
    assert most_generous(apart, SMALL) is None


def test_nobody_certifies_nothing() -> None:
    nobody = trial(np.empty(0), np.empty(0, dtype=bool), origin=np.empty(0, dtype="U10"))
    certificate = certify(nobody, Promise(), definition="hindsight", model="m")
    assert certificate.threshold is None
    assert not certificate.in_force
    assert certificate.total.selected == 0
    assert certificate.total.upper == 1.0
    assert certificate.total.risk is None


def test_hopeless_customers_certify_nothing() -> None:
    rng = np.random.default_rng(2)
    wrong = rng.random(3_000) < 0.3
    assert most_generous(trial(rng.random(3_000), wrong), Promise()) is None


def test_a_margin_asks_for_more() -> None:
    rng = np.random.default_rng(3)
    rows = drawn(rng, 3_000)
    plain, careful = most_generous(rows, Promise()), most_generous(rows, Promise(margin=0.02))
    assert plain is not None
    assert careful is not None
    assert careful > plain
    assert Promise(margin=0.02).tested_level == pytest.approx(0.03)


@pytest.mark.parametrize(
    "fault",
    [
        {"level": 0.0},
        {"delta": 1.0},
        {"margin": 0.05},
        {"margin": -0.01},
        {"grid": ()},
        {"grid": (0.8, 0.8)},
    ],
)
def test_impossible_promises_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        Promise(**fault)  # type: ignore[arg-type]


def test_misshapen_trials_are_refused() -> None:
    good = trial(np.array([0.9]), np.array([False]))
    with pytest.raises(PopulationError, match=r"must be \(n,\)"):
        dataclasses.replace(good, candidate=np.ones(2, dtype=bool))
    with pytest.raises(PopulationError, match="0 to 3"):
        dataclasses.replace(good, tier=np.array([4]))


@pytest.mark.parametrize("origins", [1, 3])
def test_the_guarantee_holds_in_simulation(origins: int) -> None:
    """#93: with calibration customers like the later ones, at most delta of the runs break 5 %.

    The estimated confidence is too high on purpose: the certificate must not need it calibrated.
    """
    rng = np.random.default_rng(4)
    runs, n, broken, selected = 400, 1_500, 0, 0.0
    # The risk of a threshold is known: customers wrong with chance 1 - c^1.5, c beta(15, 1).
    wide = rng.beta(15.0, 1.0, 400_000)
    chance = 1.0 - wide**1.5
    for _ in range(runs):
        c = rng.beta(15.0, 1.0, n * origins)
        rows = trial(
            c,
            rng.random(n * origins) < 1.0 - c**1.5,
            origin=np.repeat([str(k) for k in range(origins)], n),
        )
        threshold = most_generous(rows, Promise())
        if threshold is not None:
            above = wide >= threshold
            broken += bool(chance[above].mean() > 0.05)
            selected += float(above.mean())
    # delta of 400 runs is 20; twice the binomial deviation above it is 29.
    assert broken <= 29
    assert selected / runs > 0.2  # and not by selecting nobody


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_fewer_errors_never_shrink_the_auto_set(seed: int, origins: int) -> None:
    rng = np.random.default_rng(seed)
    rows = drawn(rng, 400, origins)
    mended = dataclasses.replace(
        rows, right=np.where(rng.random(len(rows)) < 0.3, rows.tier, rows.right)
    )
    promise = Promise(least=60)
    before, after = most_generous(rows, promise), most_generous(mended, promise)
    assert rows.selected(before).sum() <= rows.selected(after).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_customers_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = drawn(rng, 400, 2)
    shuffled = rows.where(rng.permutation(len(rows)))
    one, other = (
        certify(each, Promise(least=60), definition="hindsight", model="m")
        for each in (rows, shuffled)
    )
    assert one == other
    assert one.digest == other.digest


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_rows_of_a_certificate_sum_to_its_total(seed: int) -> None:
    rows = drawn(np.random.default_rng(seed), 500, 2)
    found = certify(rows, Promise(least=60), definition="value", model="m")
    for part in (found.origins, found.tiers):
        for name in ("candidates", "selected", "errors", "two_steps"):
            assert sum(getattr(row, name) for row in part) == getattr(found.total, name)
    assert found.total.upper == max(row.upper for row in found.origins)
    if found.threshold is not None:
        assert all(row.upper <= found.level for row in found.origins)
        chosen = rows.selected(found.threshold)
        assert found.total.errors == int((rows.tier != rows.right)[chosen].sum())


def test_two_step_errors_are_told_apart() -> None:
    rows = trial(np.full(200, 0.95), np.zeros(200, dtype=bool))
    right = rows.right.copy()
    right[0], right[1] = 1, 3
    found = certify(
        dataclasses.replace(rows, right=right), SMALL, definition="hindsight", model="m"
    )
    assert (found.total.errors, found.total.two_steps) == (2, 1)
    assert found.tiers[0].risk == 0.01
    assert found.tiers[3].risk is None


def test_a_certificate_survives_json_and_shows_tampering() -> None:
    rows = drawn(np.random.default_rng(5), 3_000, 2)
    found = certify(rows, Promise(), definition="hindsight", model="abc").suspend("2026-06-30")
    text = found.to_json()
    assert Certificate.from_json(text) == found
    assert not math.isnan(found.total.upper)
    content = json.loads(text)
    for change in ({"threshold": 0.5}, {"suspended": None}, {"format": 2}):
        with pytest.raises(PolicyError, match="altered"):
            Certificate.from_json(json.dumps(content | change))
    for damaged in ("[]", "{}", "no json", json.dumps(content | {"more": 1})):
        with pytest.raises(PolicyError, match="cannot be read"):
            Certificate.from_json(damaged)
