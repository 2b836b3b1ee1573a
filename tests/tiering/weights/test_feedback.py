"""Feedback: the member's own answer, the panel's middle, and nobody's name (#39)."""

from __future__ import annotations

from typing import Any

from tests.tiering.weights.panels import document, row
from tiering.weights.answers import read_answers
from tiering.weights.delphi import judge
from tiering.weights.feedback import Feedback, feedback
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()
NAMES = {"value": {"en": "Value", "zh": "价值"}}


def told(rows: list[dict[str, Any]], number: int = 1, **more: Any) -> dict[str, Feedback]:
    answers = read_answers(document(*rows, **more), RULES)
    found = feedback(answers, judge(answers, RULES), RULES, number, NAMES)
    return {each.member: each for each in found}


def panel() -> list[dict[str, Any]]:
    points = [(60, 30, 10), (50, 30, 20), (50, 35, 15), (45, 40, 15), (20, 60, 20)]
    return [row(1, f"name-{k}", "expert", *each) for k, each in enumerate(points)]


def test_places_by_hand() -> None:
    found = told(panel())
    first = found["name-0"].lines[0]
    assert (first.dimension, first.own, first.median) == ("value", 0.6, 0.5)
    assert (first.low, first.high) == (0.45, 0.5)
    places = {member: each.lines[0].place for member, each in found.items()}
    assert places == {
        "name-0": "above",
        "name-1": "inside",
        "name-2": "inside",
        "name-3": "inside",
        "name-4": "below",
    }


def test_letters_in_both_languages() -> None:
    letter = told(panel())["name-4"].text
    assert "Value: you gave 20.0%; the panel's middle is 50.0%" in letter["en"]
    assert "Still in dispute: potential." in letter["en"]
    assert "价值：您给出20.0%；专家组中位数为50.0%" in letter["zh"]
    assert "第1轮" in letter["zh"]
    assert letter["zh"].endswith("专家组进入下一轮。\n")


def test_nobody_is_named_and_nobody_can_be_told_apart() -> None:
    letters = {member: each.text["en"] for member, each in told(panel()).items()}
    assert not any("name-" in letter for letter in letters.values())
    # Whoever said what, the same own answer meets the same letter.
    swapped = panel()
    for k, other in enumerate([0, 4, 2, 1, 3]):
        swapped[k]["weights"] = panel()[other]["weights"]
    assert told(swapped)["name-1"].text["en"] == letters["name-4"]
    assert told(swapped)["name-0"].text["en"] == letters["name-0"]


def test_who_did_not_answer_sees_the_panel_all_the_same() -> None:
    found = told(panel(), members=[{"member": "late", "role": "executive"}])["late"]
    assert {line.place for line in found.lines} == {"absent"}
    assert found.lines[0].own is None
    assert "we have no answer of yours" in found.text["en"]
    assert "未收到" in found.text["zh"]


def test_a_panel_too_small_to_hide_in_is_not_shown() -> None:
    found = told(panel()[:4])["name-0"]
    assert found.lines == ()
    assert "45" not in found.text["en"]
    assert RULES.text_en.withheld in found.text["en"]


def test_agreement_is_told() -> None:
    rows = [row(n, f"m{k}", "expert", 50, 30, 20) for n in (1, 2) for k in range(6)]
    letter = told(rows, number=2)["m0"].text
    assert letter["en"].endswith(f"{RULES.text_en.agreed}\n{RULES.text_en.consensus}\n")
    assert RULES.text_zh.consensus in letter["zh"]
