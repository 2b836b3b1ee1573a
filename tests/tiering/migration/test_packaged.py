"""The packaged scheme holds tiers by the points that its measurement chose (#59)."""

from __future__ import annotations

import json
from pathlib import Path

from tiering.scheme import load_scheme

RESULT = Path(__file__).parents[3] / "experiments" / "2026-11-hysteresis" / "result.json"


def test_the_packaged_points_are_those_that_the_rule_chose() -> None:
    up, down, dwell, _ = json.loads(RESULT.read_text("utf-8"))["chosen"]
    policy = load_scheme("default").migration
    assert policy is not None
    assert (policy.hysteresis_up, policy.hysteresis_down) == (up, down) == (1.5, 0.5)
    assert policy.min_dwell_days == dwell == 0


def test_whoever_waits_for_a_downgrade_is_supported() -> None:
    """#59: every tier that can be left downwards has its support of the transition."""
    scheme = load_scheme("default")
    assert scheme.migration is not None
    assert scheme.migration.grace_days > 0
    supported = [support.tier for support in scheme.migration.support]
    assert supported == [tier.id for tier in scheme.tiers[:-1]]
