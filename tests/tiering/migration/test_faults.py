"""Migration policies: what a section must keep, and that every fault is told."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from tiering.migration.faults import migration_faults
from tiering.migration.policy import MigrationPolicy

TIERS = ("top", "core", "basic")
CUTS = (75.0, 50.0, 0.0)

SOUND = """
hysteresis_up = 2.0
hysteresis_down = 2.0
min_dwell_days = 90
grace_days = 90
max_steps_up = 1

[[automatic]]
tier = "core"
when = ["net_amount_365d >= 5000000", "tenure_days >= 730", "churn_probability < 0.2"]

[[support]]
tier = "core"
text_en = "A recovery plan."
text_zh = "制定恢复计划。"
"""


def faults(text: str, cuts: tuple[float, ...] = CUTS) -> dict[str, str]:
    policy = MigrationPolicy.model_validate(tomllib.loads(text))
    return {fault.path: fault.message for fault in migration_faults(policy, TIERS, cuts)}


def test_a_sound_policy_has_no_fault() -> None:
    assert faults(SOUND) == {}
    assert faults("") == {}
    policy = MigrationPolicy.model_validate(tomllib.loads(SOUND))
    assert policy.indicators == {"net_amount_365d", "tenure_days", "churn_probability"}


def test_what_the_model_does_not_know_is_refused() -> None:
    for text in ("hysteresis = 1.0", "min_dwell_days = 1.5", "grace_days = true"):
        with pytest.raises(ValidationError):
            MigrationPolicy.model_validate(tomllib.loads(text))


def test_every_fault_is_told_at_once() -> None:
    found = faults(
        """
hysteresis_up = -1.0
hysteresis_down = -1.0
min_dwell_days = -1
grace_days = -1
max_steps_up = 0
max_steps_down = -2

[[automatic]]
tier = "core"
when = []

[[automatic]]
tier = "core"
when = ["tenure_days > 1", "nonsense >= 1", "tenure_days unknown", "tenure_days < 5"]

[[support]]
tier = "gold"
"""
    )
    assert set(found) == {
        *(f"migration.{key}" for key in (
            "hysteresis_up", "hysteresis_down", "min_dwell_days", "grace_days",
            "max_steps_up", "max_steps_down",
        )),
        "migration.automatic[0].when",
        "migration.automatic[1].tier",
        "migration.automatic[1].when",
        "migration.support[0].tier",
        "migration.support[0].text_en",
        "migration.support[0].text_zh",
    }  # fmt: skip
    assert found["migration.support[0].tier"].endswith("there are: top, core, basic.")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("tenure_days > 1", "is no condition"),
        ("nonsense >= 1", "not in the catalogue"),
        ("tenure_days unknown", "missing data"),
        ("tenure_days < 5", "becoming worse; write '>='"),
        ("churn_probability >= 0.5", "becoming worse; write '<'"),
    ],
)
def test_nobody_is_upgraded_for_becoming_worse(condition: str, told: str) -> None:
    found = faults(f'[[automatic]]\ntier = "core"\nwhen = ["{condition}"]')
    assert told in found["migration.automatic[0].when"]


def test_nobody_is_upgraded_to_the_lowest_tier() -> None:
    found = faults('[[automatic]]\ntier = "basic"\nwhen = ["tenure_days >= 5"]')
    assert "lowest tier" in found["migration.automatic[0].tier"]


def test_hysteresis_must_leave_each_tier_within_reach() -> None:
    assert faults("hysteresis_up = 25.0\nhysteresis_down = 49.0") == {}
    found = faults("hysteresis_up = 25.5\nhysteresis_down = 50.0")
    assert "at most 25" in found["migration.hysteresis_up"]
    assert "stay below 50" in found["migration.hysteresis_down"]


def test_without_cuts_there_is_no_score_to_reach() -> None:
    assert faults("hysteresis_up = 60.0\nhysteresis_down = 60.0", cuts=()) == {}
