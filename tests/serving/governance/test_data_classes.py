"""Four data classes, and who sees which (#99, #100)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from serving.domain.access import GRANTS, LOCAL, Permission, Role
from serving.errors import ForbiddenError
from serving.governance.masking import check_outlook, check_part, hidden_parts
from serving.governance.policy import (
    CLASSES,
    load_governance,
    packaged_governance,
    parse_governance,
)
from tests.serving.governance.conftest import ADMIN, ANALYST, COMPLIANCE, EXPERT, person
from tiering.errors import SchemeError

POLICY = packaged_governance()
TEXT = (Path(__file__).parents[3] / "serving" / "governance" / "governance.toml").read_text("utf-8")


def test_there_are_four_classes_in_both_languages() -> None:
    assert [each.id for each in POLICY.classes] == list(CLASSES)
    assert [each.label_zh for each in POLICY.classes] == ["公开", "内部", "秘密", "机密"]


@pytest.mark.parametrize(
    ("who", "tier", "hidden"),
    [
        (ANALYST, "core", ()),
        (ANALYST, "strategic_partner", ("churn", "ltv", "dimensions", "reasons", "explanation")),
        (EXPERT, "strategic_partner", ()),
        (COMPLIANCE, "basic", ("churn", "ltv", "dimensions", "reasons", "explanation")),
        (ADMIN, "basic", ("grade", "churn", "ltv", "dimensions", "reasons", "explanation")),
        (person("two", Role.COMPLIANCE, Role.EXPERT), "strategic_partner", ()),
        (LOCAL, "strategic_partner", ()),
    ],
)
def test_what_is_hidden_from_whom(who, tier: str, hidden: tuple[str, ...]) -> None:
    assert hidden_parts(POLICY, who, tier) == hidden


def test_a_part_above_the_clearance_is_refused_with_its_class() -> None:
    check_part(POLICY, ANALYST, "explanation", "core")
    with pytest.raises(ForbiddenError, match="is confidential") as refused:
        check_part(POLICY, ANALYST, "explanation", "strategic_partner")
    assert refused.value.context == {"part": "explanation", "data_class": "confidential"}


@pytest.mark.parametrize("part", ["explanation", "churn", "ltv"])
def test_an_outlook_takes_all_that_it_tells(part: str) -> None:
    check_outlook(POLICY, ANALYST, "core")
    raised = POLICY.model_copy(update={"parts": {**POLICY.parts, part: "confidential"}})
    with pytest.raises(ForbiddenError, match=f"The {part} of this customer is confidential"):
        check_outlook(raised, ANALYST, "core")
    check_outlook(raised, EXPERT, "core")


def test_whoever_may_read_grades_sees_at_least_the_tier() -> None:
    for role in Role:
        if Permission.GRADES_READ in GRANTS[role]:
            assert POLICY.sees(frozenset({role}), POLICY.class_of("grade", "strategic_partner"))


@pytest.mark.parametrize(
    ("instant", "at_work"),
    [
        ("2026-11-23T00:00", True),  # Monday 08:00 in Shanghai
        ("2026-11-22T23:59", False),
        ("2026-11-23T11:59", True),
        ("2026-11-23T12:00", False),  # 20:00
        ("2026-11-21T04:00", False),  # Saturday noon
    ],
)
def test_working_hours_are_those_of_the_place(instant: str, at_work: bool) -> None:
    assert POLICY.reading.at_work(datetime.fromisoformat(instant)) is at_work


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "public"', 'id = "internal"', "There are four, in this order"),
        ('churn = "secret"\n', "", "No class is said for: churn"),
        ('auditor = "confidential"\n', "", "No clearance is said for: auditor"),
        ('second_role = "compliance"', 'second_role = "approver"', "Two different roles"),
        ('time_zone = "Asia/Shanghai"', 'time_zone = "Asia/Nowhere"', "no time zone"),
        ('opens = "08:00"', 'opens = "21:00"', "open before it closes"),
        ("valid_days = 7", "valid_days = 0", "greater than or equal to 1"),
        ('crm = "secret"', 'crm = "top"', "clearance"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(SchemeError) as refused:
        parse_governance(TEXT.replace(old, new, 1), origin="own")
    assert told in str(refused.value)


def test_a_policy_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(TEXT.replace('crm = "secret"', 'crm = "internal"'), "utf-8")
    assert load_governance(own).clearance[Role.CRM] == "internal"
    assert load_governance(None) == POLICY
    with pytest.raises(SchemeError, match="cannot be read"):
        load_governance(tmp_path / "none.toml")
