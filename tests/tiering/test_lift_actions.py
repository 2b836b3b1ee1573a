from __future__ import annotations

from pathlib import Path

import pytest

from tiering.errors import SchemeError
from tiering.lift.actions import load_actions, parse_actions

GOOD = """version = "1"
most_changes = 3
most_proposals = 3
[[actions]]
indicator = "order_days_90d"
by = 1
effort = 1
cause_en = "c"
cause_zh = "因"
text_en = "order {n} more"
text_zh = "多{n}次"
"""


def faults(text: str) -> list[str]:
    with pytest.raises(SchemeError) as caught:
        parse_actions(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_company_reads_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(GOOD, "utf-8")
    assert load_actions(tmp_path / "own.toml").actions[0].indicator == "order_days_90d"


def test_no_toml() -> None:
    with pytest.raises(SchemeError, match=r"Actions actions are not valid TOML"):
        parse_actions("=")


def test_what_does_not_fit_the_model_is_told_with_its_place() -> None:
    told = faults(GOOD.replace("effort = 1", "effort = 0\nwhy = 3"))
    assert [each.split(":")[0] for each in told] == ["actions.0.effort", "actions.0.why"]


def test_every_fault_at_once() -> None:
    text = GOOD.replace('"1"', '" "', 1).replace('text_zh = "多{n}次"', 'text_zh = "多{m}次"')
    text = text.replace("by = 1", "by = -1\nby_share = 0.1").replace('"c"', '""')
    text = text.replace("most_proposals", 'supplies = ["nothing", "nothing"]\nmost_proposals')
    text += GOOD[GOOD.index("[[") :].replace("by = 1", "to = 3\nsteps = 2")
    text += GOOD[GOOD.index("[[") :].replace("order_days_90d", "ltv")
    text += GOOD[GOOD.index("[[") :].replace("order_days_90d", "season_index_next_90d")
    text += (
        GOOD[GOOD.index("[[") :]
        .replace("{n} more", "{n")
        .replace("order_days_90d", "order_days_30d")
    )
    assert faults(text) == [
        "version: is missing; a scheme speaks English and Chinese.",
        "actions: indicator 'order_days_90d' stands twice.",
        "supplies: indicator 'nothing' stands twice.",
        "supplies: 'nothing' is not in the catalogue.",
        "supplies: 'nothing' is not in the catalogue.",
        "actions.order_days_90d: needs one of by, by_share and to.",
        "actions.order_days_90d.by: -1 must be above 0; the direction is known.",
        "actions.order_days_90d.cause_en: is missing; a scheme speaks English and Chinese.",
        "actions.order_days_90d.text_zh: {m} is none of after, before, n.",
        "actions.order_days_90d.steps: to goes all the way at once; leave the steps out.",
        "actions.ltv: is not in the catalogue; predictions follow and are not acted on.",
        "actions.season_index_next_90d: has no better direction to move in.",
        "actions.order_days_30d.text_en: is no template: expected '}' before end of string.",
    ]
