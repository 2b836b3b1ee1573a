"""Rounds, disputes, verdicts and results of a panel, by hand (#39)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiering.weights.panels import document, row, same
from tiering.errors import WeightsError
from tiering.weights.answers import read_answers
from tiering.weights.delphi import DelphiResult, judge, squared_error
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()


def held(*rows: dict[str, Any], **more: Any) -> DelphiResult:
    return judge(read_answers(document(*rows, **more), RULES), RULES)


def test_a_round_by_hand() -> None:
    found = held(
        row(1, "a", "expert", 60, 30, 10),
        row(1, "b", "expert", 50, 30, 20),
        row(1, "c", "executive", 40, 50, 10),
        members=[{"member": "z", "role": "executive"}],
    )
    (first,) = found.rounds
    assert first.answered == {"executive": 1, "expert": 2}
    assert first.missing == ("z",)
    # Ranks 3 2 1, 3 2 1, 2 3 1: sums 8 7 3, S = 14, W = 12 * 14 / (9 * 24).
    assert first.agreement.w == pytest.approx(14 * 12 / 216)
    value, potential, risk = first.dimensions
    assert (value.median, value.low, value.high) == (0.5, 0.45, 0.55)
    assert value.iqr == pytest.approx(0.1)
    assert value.by_role == {"executive": 0.4, "expert": 0.55}
    assert math.isnan(value.moved)
    # 0.10 of spread is within a quarter of 0.5; 0.15 between the roles is not.
    assert value.disputed == ("roles",)
    # Quartiles .30 and .40 are wider than 0.075, roles .30 and .50 apart.
    assert potential.disputed == ("spread", "roles")
    assert (risk.low, risk.high) == (0.1, pytest.approx(0.15))
    assert risk.disputed == ()
    assert first.disputed == ("value", "potential")
    assert first.verdict == found.verdict == "go_on"
    assert found.short == {"expert": 8, "executive": 3}
    assert found.by_role["executive"] == {"value": 0.4, "potential": 0.5, "risk": 0.1}
    assert found.by_role["expert"]["value"] == pytest.approx(0.55)


def test_ten_experts_and_five_executives_are_a_full_panel() -> None:
    found = held(*same(1, 15, (50, 30, 20)))
    assert found.short == {}
    assert found.members == 15
    assert found.weights == pytest.approx({"value": 0.5, "potential": 0.3, "risk": 0.2})


def test_agreement_stops_the_panel_but_not_in_the_first_round() -> None:
    one = same(1, 15, (50, 30, 20))
    assert held(*one).verdict == "go_on"
    found = held(*one, *same(2, 15, (40, 35, 25)))
    assert found.verdict == "consensus"
    assert [each.moved for each in found.rounds[1].dimensions] == pytest.approx([-0.1, 0.05, 0.05])


def split(number: int, shift: float = 0) -> list[dict[str, Any]]:
    """Half of the panel for value, half for potential."""
    return [
        row(number, f"m{k}", "expert", *((60 + shift, 30 - shift, 10) if k % 2 else (30, 60, 10)))
        for k in range(8)
    ]


def test_a_panel_that_no_longer_moves_is_not_asked_again() -> None:
    found = held(*split(1), *split(2))
    assert found.rounds[1].disputed == ("value", "potential")
    assert found.verdict == "stalled"


def test_after_the_planned_rounds_it_is_over() -> None:
    moving = held(*split(1), *split(2, 20))
    assert moving.verdict == "go_on"
    assert held(*split(1), *split(2, 20), *split(3)).verdict == "exhausted"
    # In the last round standing still is no reason of its own.
    assert held(*split(1), *split(2, 20), *split(3, 20)).verdict == "exhausted"


def test_a_panel_of_one_mind_about_order_may_still_dispute_amounts() -> None:
    rows = [
        row(n, f"m{k}", "expert", 90 - 5 * k, 9 + 4 * k, 1 + k) for n in (1, 2) for k in range(8)
    ]
    found = held(*rows)
    assert found.rounds[1].agreement.w == 1
    assert found.rounds[1].disputed != ()
    assert found.verdict == "stalled"


def test_who_misses_a_round_keeps_the_latest_answer_in_the_result() -> None:
    rows = [*same(1, 6, (50, 30, 20)), *same(2, 5, (50, 30, 20))]
    rows[5]["weights"] = {"value": 10, "potential": 10, "risk": 80}
    found = held(*rows)
    assert found.rounds[1].missing == ("m05",)
    assert found.rounds[1].agreement.members == 5
    assert found.carried == ("m05",)
    assert found.members == 6
    assert found.weights == pytest.approx({"value": 0.5, "potential": 0.3, "risk": 0.2}, abs=1e-6)


def test_a_single_answer_is_no_panel() -> None:
    with pytest.raises(WeightsError, match="Round 2 has one answer, of m00"):
        held(*same(1, 3, (50, 30, 20)), *same(2, 1, (50, 30, 20)))


def test_the_error_is_that_of_the_first_answers() -> None:
    first = [row(1, "a", "expert", 70, 20, 10), row(1, "b", "expert", 30, 60, 10)]
    later = [row(2, "a", "expert", 50, 40, 10), row(2, "b", "expert", 50, 40, 10)]
    found = held(*first, *later)
    # Both first answers lie (.2, .2, 0) from the middle: .08, over m - 1 = 1.
    assert found.variance == pytest.approx(0.08)
    assert found.weights["value"] == pytest.approx(0.5)


def test_the_error_shrinks_with_the_number_of_members() -> None:
    rng = np.random.default_rng(2)

    def drawn(m: int) -> float:
        points = rng.dirichlet(40 * np.array([0.4, 0.3, 0.2, 0.1]), m)
        return squared_error(points)

    # A Dirichlet's variances sum to (1 - sum m²) / 41 = .0171.
    assert np.mean([drawn(60) for _ in range(60)]) == pytest.approx(0.7 / 41 / 60, rel=0.1)


answers = st.lists(st.tuples(*[st.integers(1, 50)] * 3), min_size=2, max_size=8)


@settings(deadline=None)
@given(answers, answers, st.randoms(use_true_random=False))
def test_a_panel_s_result_knows_no_order_of_rows(first: Any, second: Any, random: Any) -> None:
    rows = [row(1, f"m{k}", "expert", *points) for k, points in enumerate(first)]
    rows += [row(2, f"m{k}", "expert", *points) for k, points in enumerate(second)]
    found = held(*rows, dimensions=["value", "potential", "risk"])
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert sum(found.weights.values()) == pytest.approx(1)
    again = held(*shuffled, dimensions=["value", "potential", "risk"])
    assert again.weights == found.weights
    assert [each.verdict for each in again.rounds] == [each.verdict for each in found.rounds]
    for each in found.rounds:
        assert all(d.low <= d.median <= d.high for d in each.dimensions)
