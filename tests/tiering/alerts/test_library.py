"""The case library: what helped in similar cases (#89)."""

from __future__ import annotations

import pytest

from tiering.alerts.library import Closed, what_helped
from tiering.alerts.lifecycle import Outcome


def cases(measure: str, outcome: Outcome, *days: float) -> list[Closed]:
    return [Closed(measure, outcome, each) for each in days]


def test_what_surely_helped_comes_first() -> None:
    closed = [
        *cases("visit", Outcome.RECOVERED, *range(30)),
        *cases("visit", Outcome.PARTLY, *range(10)),
        *cases("visit", Outcome.LOST, *range(10)),
        *cases("price_or_terms", Outcome.RECOVERED, 1, 2, 3),
        *cases("nothing", Outcome.FALSE_ALARM, 1, 3),
    ]
    visit, price, nothing = what_helped(closed)
    assert (visit.measure, visit.cases, visit.recovered) == ("visit", 50, 0.8)
    # Wilson 1927 for 40 of 50: (0.8 + z²/100 ± z·sqrt(0.0032 + z²/10000)) / (1 + z²/50).
    assert (visit.lower, visit.upper) == (
        pytest.approx(0.66964, abs=1e-4),
        pytest.approx(0.88756, abs=1e-4),
    )
    assert visit.outcomes == {"recovered": 30, "partly_recovered": 10, "lost": 10}
    assert (price.measure, price.recovered, price.median_days) == ("price_or_terms", 1.0, 2)
    assert price.lower == pytest.approx(0.4385, abs=1e-4)
    assert price.upper == 1.0
    assert (nothing.cases, nothing.recovered, nothing.lower, nothing.upper) == (0, None, None, None)
    assert nothing.median_days == 2.0


def test_nothing_is_known_of_nothing() -> None:
    assert what_helped([]) == ()


def test_a_measure_that_never_helped() -> None:
    (lost,) = what_helped(cases("visit", Outcome.LOST, 4))
    assert (lost.recovered, lost.lower) == (0.0, pytest.approx(0.0, abs=1e-12))
