"""Misjudgment by indicator: planted sense, nonsense and silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.evaluation.rows_by_hand import judged
from tiering.scheme import load_scheme
from training.evaluation.indicators import LIMIT, misjudgment
from training.evaluation.judged import Judged, pool

SCHEME = load_scheme()
NAMES = SCHEME.indicators
SENSE, NONSENSE, SILENCE = (
    NAMES.index(name) for name in ("net_amount_growth_90d", "category_count_180d", "tenure_days")
)


def origins(n: int = 1_000) -> Judged:
    rng = np.random.default_rng(6)
    worth = rng.permutation(n) / n  # the realised rank
    tier = np.select([worth >= 0.95, worth >= 0.75, worth >= 0.4], [0, 1, 2], 3)
    points = np.full((n, len(NAMES)), np.nan)
    points[:, :5] = 50.0  # no opinion
    points[:, SENSE] = 100 * worth
    points[:, NONSENSE] = 100 * rng.permutation(n) / n
    parts = [
        judged(f"2025-0{month}-01", range(n), (), points=points, value_tier=tier)
        for month in (1, 2)
    ]
    return pool(parts)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return {row["indicator"]: dict(row) for row in misjudgment(origins(), SCHEME, 3)}


def test_every_indicator_of_the_scheme_has_a_row(found: dict[str, dict[str, Any]]) -> None:
    assert tuple(found) == NAMES


def test_sense_is_never_wrong_and_nonsense_as_often_as_chance(
    found: dict[str, dict[str, Any]],
) -> None:
    sense, nonsense = found[NAMES[SENSE]], found[NAMES[NONSENSE]]
    assert sense["misjudged"] == 0.0
    assert not sense["over_limit"]
    # a third is high, 40 % belong lowest; a third is low, a quarter belongs in the better half
    assert nonsense["by_chance"] == pytest.approx(0.4 / 3 + 0.25 / 3, abs=0.005)
    assert nonsense["misjudged"] == pytest.approx(nonsense["by_chance"], abs=0.03)
    assert nonsense["misjudged"] == pytest.approx(nonsense["too_high"] + nonsense["too_low"])
    assert nonsense["low"] < nonsense["misjudged"] < nonsense["high"]
    assert nonsense["over_limit"]


def test_weight_goes_from_what_misjudges_to_the_others_of_its_dimension(
    found: dict[str, dict[str, Any]],
) -> None:
    rows = [row for row in found.values() if row["dimension"] == "potential"]
    assert sum(row["proposed_weight"] for row in rows) == pytest.approx(1.0)
    sense, nonsense = found[NAMES[SENSE]], found[NAMES[NONSENSE]]
    assert nonsense["proposed_weight"] < nonsense["weight"]
    assert sense["proposed_weight"] > sense["weight"]
    cut = nonsense["weight"] * LIMIT / nonsense["misjudged"]
    assert nonsense["proposed_weight"] == pytest.approx(cut)


def test_what_nobody_has_keeps_its_weight(found: dict[str, dict[str, Any]]) -> None:
    silence = found[NAMES[SILENCE]]
    assert (silence["n"], silence["misjudged"], silence["over_limit"]) == (0, None, False)
    assert silence["proposed_weight"] == silence["weight"]
    calm = found["ltv"]  # nobody's points are high or low: it says nothing, and is never wrong
    assert (calm["n"], calm["misjudged"]) == (2_000, 0.0)
    assert calm["proposed_weight"] == pytest.approx(calm["weight"])
