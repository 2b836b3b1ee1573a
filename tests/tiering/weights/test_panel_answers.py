"""Answers are read as shares, and every fault of a file is told with its place (#39)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tiering.weights.panels import document, row
from tiering.errors import WeightsError
from tiering.weights.answers import Answers, matrix, read_answers
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()


def read(found: dict[str, Any]) -> Answers:
    return read_answers(found, RULES)


def faults(found: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(WeightsError) as caught:
        read(found)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_points_become_shares() -> None:
    found = read(document(row(1, "b", "expert", 50, 30, 20), row(1, "a", "executive", 1, 1, 2)))
    assert found.dimensions == ("value", "potential", "risk")
    assert found.members == {"a": "executive", "b": "expert"}
    assert matrix(found.of(1)).tolist() == [[0.25, 0.25, 0.5], [0.5, 0.3, 0.2]]
    assert not found.simulated


def test_first_and_latest_answers() -> None:
    rows = [
        row(2, "a", "expert", 2, 1, 1),
        row(1, "a", "expert", 1, 2, 1),
        row(1, "b", "expert", 1, 1, 2),
        row(2, "c", "expert", 4, 0, 0),
    ]
    found = read(document(*rows, simulated=True))
    assert [(a.member, a.round) for a in found.first()] == [("a", 1), ("b", 1), ("c", 2)]
    assert [(a.member, a.round) for a in found.latest(2)] == [("a", 2), ("b", 1), ("c", 2)]
    assert [(a.member, a.round) for a in found.latest(1)] == [("a", 1), ("b", 1)]
    assert found.rounds == (1, 2)
    assert found.simulated


def test_a_member_who_was_asked_and_never_answered_is_known() -> None:
    asked = [{"member": "z", "role": "executive"}]
    found = read(document(row(1, "a", "expert", 1, 1, 1), members=asked))
    assert found.members == {"a": "expert", "z": "executive"}


def test_texts_from_a_table_are_numbers() -> None:
    found = document(row(1, "a", "expert", 1, 1, 2))
    found["answers"][0]["weights"] = {"value": "25", "potential": "25", "risk": "50"}
    found["answers"][0]["round"] = "1"
    assert matrix(read(found).of(1)).tolist() == [[0.25, 0.25, 0.5]]


def test_every_fault_is_told_at_once() -> None:
    odd = row(1, "d", "expert", 1, 1, 1)
    odd["weights"] = {"value": 60.0, "risc": 40.0}
    found = faults(
        document(
            row(1, "a", "expert", 50, 30, 20),
            row(1, "a", "expert", 50, 30, 20),
            row(1, "b", "auditor", 50, 30, 20),
            row(1, "c", "expert", 50, 30, 10),
            odd,
            row(1, "e", "expert", 0, 0, 0),
            row(1, "f", "expert", -1, 51, 50),
            row(3, "a", "executive", 50, 30, 20),
            total=100,
            rounds=3,
        )
    )
    assert found == {
        "rounds": "unknown key.",
        "answers": "round 2 has no answer, but a later round has.",
        "answers[1]": "a answered round 1 twice.",
        "answers[2].role": "'auditor' of b is no role; known: expert, executive.",
        "answers[3].weights": "sum to 90, not 100 (c, round 1).",
        "answers[4].weights.potential": "is missing (d, round 1); write 0 if it counts nothing.",
        "answers[4].weights.risk": "is missing (d, round 1); write 0 if it counts nothing.",
        "answers[4].weights.risc": "is no dimension of this panel (d, round 1).",
        "answers[5].weights": "are all 0 (e, round 1).",
        "answers[6].weights.value": "input should be greater than or equal to 0.",
        "answers[7].role": "a was 'expert' before.",
    }


def test_shares_that_do_not_sum_to_1_are_refused_where_a_total_is_asked() -> None:
    rows = [row(1, "a", "expert", 0.4, 0.25, 0.3), row(1, "b", "expert", 0.4, 0.3, 0.3)]
    assert faults(document(*rows, total=1)).keys() == {"answers[0].weights"}
    assert read(document(*rows))


@pytest.mark.parametrize(
    ("found", "place"),
    [
        ({}, "answers"),
        ({"answers": {"a": 1}}, "answers"),
        (document(row(1, "a", "expert", 1, 1, 1), dimensions=["value"]), "dimensions"),
        (document(row(1, "a", "expert", 1, 1, 1), dimensions=["value", "value"]), "dimensions"),
    ],
)
def test_what_is_no_panel(found: dict[str, Any], place: str) -> None:
    assert place in faults(found)
