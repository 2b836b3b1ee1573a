"""Pairwise judgements are read in either form, and every fault is told (#40)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiering.errors import WeightsError
from tiering.weights.judgements import Judgements, read_judgements
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()


def pair(first: str, second: str, value: float | str, member: str = "a") -> dict[str, Any]:
    return {"member": member, "role": "expert", "first": first, "second": second, "value": value}


def square(rows: list[list[Any]], member: str = "a", role: str = "expert") -> dict[str, Any]:
    return {"member": member, "role": role, "rows": rows}


def read(**document: Any) -> Judgements:
    return read_judgements(document, RULES)


def faults(**document: Any) -> dict[str, str]:
    with pytest.raises(WeightsError) as caught:
        read(**document)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_pairs_in_either_direction_make_a_reciprocal_matrix() -> None:
    found = read(
        judgements=[
            pair("x", "y", 3),
            pair("z", "x", "1/5"),
            pair("y", "z", "2"),
            pair("x", "x", 1),
        ]
    )
    assert found.items == ("x", "y", "z")
    assert found.members == {"a": "expert"}
    wanted = [[1, 3, 5], [1 / 3, 1, 2], [1 / 5, 1 / 2, 1]]
    assert np.allclose(found.matrices["a"], wanted)


def test_a_third_may_be_rounded() -> None:
    rows = [[1, 0.33, 3], [3, 1, 5], ["1/3", 0.2, 1]]
    found = read(items=["x", "y", "z"], matrices=[square(rows)], simulated=True)
    assert np.allclose(found.matrices["a"], [[1, 1 / 3, 3], [3, 1, 5], [1 / 3, 1 / 5, 1]])
    assert found.simulated


def test_every_fault_of_pairs_is_told_at_once() -> None:
    found = faults(
        judgements=[
            pair("x", "y", 10),
            pair("x", "z", "three"),
            pair("x", "q", 2),
            pair("y", "y", 2),
            pair("y", "z", 2),
            pair("y", "z", 3),
            {**pair("x", "y", 2, "b"), "role": "auditor"},
            pair("x", "z", 2, "b"),
            pair("y", "z", 2, "b"),
            pair("z", "y", 2, "b"),
            pair("x", "z", "1/0", "a"),
            {"member": "c"},
        ],
        items=["x", "y", "z"],
    )
    assert found["judgements[0]"] == "10.0 is not from 1/9 to 9."
    assert found["judgements[1]"] == "'three' is not from 1/9 to 9."
    assert found["judgements[2]"] == "'q' is not compared here."
    assert found["judgements[3]"] == "'y' against itself is 1, not 2.0."
    assert found["judgements[5]"] == "y against z was already said in judgements[4]."
    assert found["judgements[6].role"] == "'auditor' of b is no role; known: expert, executive."
    assert found["judgements[7].role"] == "b was 'auditor'."
    assert found["judgements[9]"] == "contradicts judgements[8]: 2 and 2 of b."
    assert found["judgements[10]"] == "'1/0' is not from 1/9 to 9."
    assert found["judgements[11].role"] == "field required."
    assert found["a"] == "did not compare x with z."


def test_every_fault_of_a_matrix_is_told_at_once() -> None:
    found = faults(
        items=["x", "y", "z"],
        matrices=[
            square([[2, 3, 0.05], ["1/2", 1, 1], [20, 1, 1]]),
            square([[1, 3], ["1/3", 1]], "b"),
        ],
        scale=9,
    )
    assert found["scale"] == "unknown key."
    assert found["matrices[0].rows[0][0]"] == "'x' against itself is 1, not 2.0."
    assert found["matrices[0].rows[1][0]"].startswith("contradicts matrices[0].rows[0][1]")
    assert found["matrices[0].rows[0][2]"] == "0.05 is not from 1/9 to 9."
    assert found["matrices[0].rows[2][0]"] == "20.0 is not from 1/9 to 9."
    assert found["matrices[1].rows"] == "must be 3 rows of as many values."


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({}, "judgements"),
        ({"judgements": [pair("x", "x", 1)]}, "items"),
        ({"judgements": [pair("x", "y", 1)], "items": ["x", "x", "y"]}, "items"),
        ({"judgements": [pair("x", "y", 1)], "items": [f"i{k}" for k in range(16)]}, "items"),
    ],
)
def test_what_is_no_comparison(document: dict[str, Any], place: str) -> None:
    assert place in faults(**document)
