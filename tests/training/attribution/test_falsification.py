from __future__ import annotations

import numpy as np
import pytest

from training.attribution.falsification import balance, holm, placebo_cuts


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .04 times 3, 2, 1, and never falling.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_placebo_cuts_reject_in_one_of_twenty() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        x = rng.normal(0, 8, 1500)
        y = 50 + x + 0.05 * x**2 + 30 * (x >= 0) + rng.normal(0, 10, 1500)
        found += placebo_cuts(x, y, number=2)
    assert len(found) == 160
    # The jump of 30 at the true cut does not leak into the others.
    assert np.mean([check.p_value < 0.05 for check in found]) <= 0.11
    assert {check.name[0] for check in found} == {"+", "-"}


def test_a_jump_elsewhere_is_found() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 8, 3000)
    y = x + 30 * (x >= 5) + rng.normal(0, 10, 3000)
    (check,) = placebo_cuts(x, y, cuts=[5.0], cluster=np.arange(3000))
    assert check.lower < 30 < check.upper
    assert check.holm < 0.001


def test_balance_finds_what_was_not_settled() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 8, 2000)
    even = x + rng.normal(0, 5, 2000)
    partly = np.where(rng.random(2000) < 0.3, np.nan, even)
    checks = balance(
        x,
        {
            "even": even,
            "steered": even + 20 * (x >= 0),
            "partly": partly,
            "rare": np.where(np.arange(2000) < 30, 1.0, np.nan),  # too little known
            "unknown": np.full(2000, np.nan),
        },
        np.arange(2000),
    )
    by_name = {check.name: check for check in checks}
    assert set(by_name) == {"even", "steered", "partly"}
    assert by_name["steered"].holm < 0.001
    assert by_name["even"].p_value > 0.01
