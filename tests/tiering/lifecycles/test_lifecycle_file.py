"""Lifecycle policies: what a file must keep, and that every fault is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiering.condition import parse_condition
from tiering.errors import PolicyError, SchemeError
from tiering.lifecycles.lifecycle_file import load_lifecycle, parse_lifecycle

SMALL = """
id = "two-stage"
version = "1"
title_en = "Two stages"
title_zh = "两阶段"
precedence = ["away", "here"]

[[stages]]
id = "here"
label_en = "Here"
label_zh = "在"

[[stages]]
id = "away"
label_en = "Away"
label_zh = "离"
when = [["days_since_last_order >= 90"]]
"""


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SchemeError) as caught:
        parse_lifecycle(text)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SMALL, "utf-8")
    policy = load_lifecycle(path)
    assert policy.id == "two-stage"
    silence = np.array([89.0, 90.0, np.nan])
    assert policy.assign({"days_since_last_order": silence}, 3).tolist() == [0, 1, 0]


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    policy = parse_lifecycle(SMALL)
    assert parse_lifecycle(f"# a comment\n{SMALL}").sha256 == policy.sha256
    assert parse_lifecycle(SMALL.replace(">= 90", ">= 91")).sha256 != policy.sha256


def test_a_policy_that_is_not_there() -> None:
    with pytest.raises(SchemeError, match="no lifecycle policy 'five'") as caught:
        load_lifecycle("five")
    assert "six, four, aarrr" in caught.value.hint


def test_text_that_is_no_toml() -> None:
    with pytest.raises(SchemeError, match="own is not valid TOML"):
        parse_lifecycle("id = ", origin="own")


def test_wrong_kinds_and_unknown_keys() -> None:
    found = faults(SMALL.replace('version = "1"', 'version = 1\ncolour = "red"'))
    assert set(found) == {"version", "colour"}


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ('id = "two-stage"', 'id = "Two"', "id", "lower-case"),
        ('title_zh = "两阶段"', 'title_zh = " "', "title_zh", "missing"),
        ('"away", "here"', '"away"', "precedence", "name every stage"),
        ('"away", "here"', "", "precedence", "name every stage"),
        ('"away", "here"', '"away", "away", "here"', "precedence", "stands 2 times"),
        ('label_zh = "离"', 'label_zh = "在"', "stages.label_zh", "stands 2 times"),
        ('label_en = "Away"', "", "stages.away.label_en", "missing"),
        ('id = "here"', 'id = "Here!"', "stages.Here!.id", "lower-case"),
        ('"away", "here"', '"here", "away"', "stages.away.when", "left out"),
        ('"away", "here"', '"here", "away"', "stages.here.when", "tried last needs none"),
        ('when = [["d', 'when = [[], ["d', "stages.away.when", "without any condition"),
        (" >= 90", " => 90", "stages.away.when", "is no condition"),
        ("days_since_last_order", "days_since", "stages.away.when", "not in the catalogue"),
        (">= 90", "< 90", "stages.away.when", "longer silence"),
    ],
)
def test_each_rule_tells_its_place(old: str, new: str, place: str, told: str) -> None:
    assert old in SMALL
    assert told in faults(SMALL.replace(old, new))[place]


def test_one_stage_is_no_lifecycle() -> None:
    first = SMALL.split('[[stages]]\nid = "away"')[0].replace('"away", ', "")
    assert faults(first) == {"stages": "has 1 entries; a lifecycle needs 2."}


def test_predictions_may_be_asked_for() -> None:
    policy = parse_lifecycle(
        SMALL.replace("days_since_last_order >= 90", "churn_probability >= 0.9")
    )
    assert policy.assign({"churn_probability": np.array([0.95, 0.5])}, 2).tolist() == [1, 0]
    assert policy.assign({}, 2).tolist() == [0, 0]


def test_all_faults_are_told_at_once() -> None:
    text = SMALL.replace(">= 90", "< 90").replace('version = "1"', 'version = ""')
    with pytest.raises(SchemeError, match="own has 2 faults:") as caught:
        parse_lifecycle(text, origin="own")
    assert "six.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "x", "x > 3", "x >= y", "x>=3", "x unknown 3", "x >= 1e3"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(PolicyError, match="no condition"):
        parse_condition(text)


def test_comparisons_with_the_unknown_do_not_hold() -> None:
    column = np.array([np.nan, 2.0, -2.5])
    assert parse_condition("x >= -2.5").holds(column, 3).tolist() == [False, True, True]
    assert parse_condition("x < 2").holds(column, 3).tolist() == [False, False, True]
    assert parse_condition("x unknown").holds(column, 3).tolist() == [True, False, False]
    assert parse_condition("x unknown").holds(None, 2).tolist() == [True, True]
    assert parse_condition("x >= 0").holds(None, 2).tolist() == [False, False]
