"""Proposals for indicators that misjudge: how much, where to, and only a proposal (#65)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.weights.propose import adjusted, propose
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()


def measured(
    name: str, weight: float, wrong: float, dimension: str = "value", **more: Any
) -> dict[str, Any]:
    row = {"indicator": name, "dimension": dimension, "weight": weight, "misjudged": wrong}
    return {**row, "n": 1000, "low": wrong - 0.02, "by_chance": 0.3, **more}


def unknown(name: str, weight: float) -> dict[str, Any]:
    return measured(name, weight, 0, n=0, misjudged=None, low=None, by_chance=None)


def test_a_proposal_by_hand() -> None:
    (found,) = propose(
        [
            measured("a", 0.4, 0.20),
            measured("b", 0.4, 0.05),
            unknown("c", 0.2),
            measured("d", 1.0, 0.10, dimension="risk"),
        ],
        RULES,
    )
    # .4 is halved to .2, and b takes the .2.
    assert found.dimension == "value"
    assert found.weights == pytest.approx({"a": 0.2, "b": 0.6, "c": 0.2})
    a, b = found.changes
    assert (a.over, a.sure, b.over, b.sure) == (True, True, False, False)
    (flow,) = found.flows
    assert (flow.source, flow.target) == ("a", "b")
    assert flow.weight == pytest.approx(0.2)
    assert found.text["en"] == (
        "a misjudges 20.0% of customers (limit 10%; by chance 30.0%): weight 0.400 to 0.200.\n"
        "b misjudges 5.0% of customers (limit 10%; by chance 30.0%): weight 0.400 to 0.600.\n"
        "0.200 goes from a to b.\n"
    )
    assert "0.200由a转给b。" in found.text["zh"]


def test_beyond_the_limit_but_not_surely() -> None:
    (found,) = propose([measured("a", 0.5, 0.11), measured("b", 0.5, 0.02)], RULES)
    assert (found.changes[0].over, found.changes[0].sure) == (True, False)


def test_nobody_beyond_the_limit_gains_unless_all_are() -> None:
    # .3 and .2 are cut to .15 and .1; the third takes .25 and not a part of it.
    assert adjusted([0.3, 0.2, 0.5], [0.2, 0.2, 0.1], 0.1) == pytest.approx((0.15, 0.1, 0.75))
    # All beyond it: .25 and .1 are brought back to 1.
    assert adjusted([0.5, 0.5], [0.2, 0.5], 0.1) == pytest.approx((0.25 / 0.35, 0.1 / 0.35))


def test_where_all_misjudge_alike_nothing_moves_and_it_is_said() -> None:
    (found,) = propose([measured("a", 0.5, 0.3), measured("b", 0.5, 0.3)], RULES)
    assert found.flows == ()
    assert found.weights == {"a": 0.5, "b": 0.5}
    assert "ask for better indicators" in found.text["en"]
    assert "value" in found.text["zh"]


def test_within_the_limit_nothing_is_proposed() -> None:
    assert propose([measured("a", 0.5, 0.10), unknown("b", 0.5)], RULES) == ()
    assert propose([], RULES) == ()


cases = st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(cases, st.floats(0.01, 0.5))
def test_weights_keep_their_sum_and_the_worse_never_gains_on_the_better(
    case: list[tuple[float, float]], limit: float
) -> None:
    weights, wrong = zip(*case, strict=True)
    found = adjusted(weights, wrong, limit)
    assert sum(found) == pytest.approx(sum(weights))
    factors = [after / before for after, before in zip(found, weights, strict=True)]
    for i, first in enumerate(wrong):
        for j, second in enumerate(wrong):
            if first <= second:
                assert factors[i] >= factors[j] - 1e-9
    if min(wrong) <= limit:
        assert all(f <= 1 for f, each in zip(factors, wrong, strict=True) if each > limit)


@given(cases)
def test_flows_are_what_the_changes_are(case: list[tuple[float, float]]) -> None:
    rows = [measured(f"i{k}", w, wrong) for k, (w, wrong) in enumerate(case)]
    for found in propose(rows, RULES):
        for change in found.changes:
            came = sum(f.weight for f in found.flows if f.target == change.indicator)
            went = sum(f.weight for f in found.flows if f.source == change.indicator)
            assert came - went == pytest.approx(change.after - change.before, abs=1e-9)
