"""The migration policy on graded customers, by a scheme with cuts and by one without."""

from __future__ import annotations

import re

import numpy as np

from features.schema import FloatArray
from tiering.assign import decide
from tiering.hold import cuts_of, held_texts, hold
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import MigrationState
from tiering.scheme import Scheme, parse_scheme
from tiering.scores import Reference

DAY = np.datetime64("2026-03-31")


def state(*tiers: int) -> MigrationState:
    n = len(tiers)
    return MigrationState(
        np.array(tiers), np.full(n, np.datetime64("2025-01-01")), np.full(n, "NaT", "M8[D]")
    )


def test_the_score_is_held_against_the_cuts(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    """60 points are just enough for the middle tier."""
    given = decide(small, population, customer)
    assert given.composite.score[0] == 60.0
    policy = MigrationPolicy(hysteresis_up=2.0)
    moves = hold(policy, given, state(2), DAY, customer)
    assert (given.tier[0], moves.tier[0]) == (1, 2)
    assert held_texts(policy, small, moves, 0, "en") == (
        "The score 60.0 lies in Middle, but less than 2 points beyond the cut at 60; Foot is kept.",
    )
    panel = hold(policy, given, state(2), DAY, customer, decided=np.array([True]))
    assert held_texts(policy, small, panel, 0, "zh") == (
        "由底层升级为中层。",
        "由评审会决定。",
    )


def test_rules_are_held_by_their_margins(small_text: str, population: Reference) -> None:
    conditions = iter(['[["ltv >= 40"]]', '[["ltv >= 20"]]'])
    text = re.sub(r"cut = (75|60)", lambda _: f"when = {next(conditions)}", small_text)
    scheme = parse_scheme(text.replace("cut = 0\n", ""))
    assert cuts_of(scheme) is None
    values = {name: np.array([40.0, 40.0]) for name in scheme.indicators}
    values["ltv"] = np.array([40.1, 50.0])
    given = decide(scheme, population, values)
    assert given.tier.tolist() == [0, 0]
    policy = MigrationPolicy(hysteresis_up=5.0)
    moves = hold(policy, given, state(1, 1), DAY, values)
    assert moves.tier.tolist() == [1, 0]
    assert held_texts(policy, scheme, moves, 0, "en")[0].startswith("The figures lie in Top")
    assert hold(policy, given, MigrationState.new(2), DAY, values).tier.tolist() == [0, 0]
