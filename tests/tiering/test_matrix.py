"""Tiers by cells against the slow obvious loop."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from tiering.matrix import cells_of, place_by_matrix, segment_of, table_of
from tiering.policy import Axis, Segment, Segments, Tier


def axis(dimension: str, *levels: tuple[str, float]) -> Axis:
    return Axis.model_validate(
        {"dimension": dimension, "levels": [{"id": name, "cut": cut} for name, cut in levels]}
    )


AXES = (
    axis("value", ("high", 60), ("middle", 30), ("low", 0)),
    axis("risk", ("safe", 50), ("risky", 0)),
)
TIERS = (
    Tier(id="a", cells=("high safe",)),
    Tier(id="b", cells=("high risky", "middle safe")),
    Tier(id="c", cells=("middle risky", "low *")),
)


def test_cells_with_wildcards_are_written_out() -> None:
    assert list(cells_of(TIERS[2], AXES)) == [(1, 1), (2, 0), (2, 1)]
    assert table_of(TIERS, AXES).tolist() == [[0, 1], [1, 2], [2, 2]]
    assert list(cells_of(Tier(id="x"), AXES)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("high", "names 1 levels, there are 2 axes"), ("safe high", "value has no level 'safe'")],
)
def test_cells_that_name_no_level(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(cells_of(Tier(id="x", cells=(text,)), AXES))


def slow(scores: tuple[float, float]) -> tuple[int, int, float, float]:
    def level(axis: Axis, score: float) -> int:
        for i, entry in enumerate(axis.levels):
            if score >= entry.cut:
                return i
        return len(axis.levels) - 1

    table = table_of(TIERS, AXES)
    at = tuple(level(a, s) for a, s in zip(AXES, scores, strict=True))
    hope = tuple(0 if math.isnan(s) else i for i, s in zip(at, scores, strict=True))
    tier = int(table[at])
    up, down = math.nan, math.nan
    if not any(map(math.isnan, scores)):
        for cell in product(range(3), range(2)):
            far = 0.0
            for i, a, s in zip(cell, AXES, scores, strict=True):
                far = max(far, a.levels[i].cut - s)
                if i > 0:
                    far = max(far, s - a.levels[i - 1].cut)
            if table[cell] < tier:
                up = far if math.isnan(up) else min(up, far)
            if table[cell] > tier:
                down = far if math.isnan(down) else min(down, far)
    return tier, int(table[hope]), up, down


def test_against_the_slow_obvious_loop() -> None:
    rng = np.random.default_rng(3)
    value, risk = rng.uniform(0, 100, (2, 500)).round()
    value[rng.random(500) < 0.1] = np.nan
    risk[rng.random(500) < 0.1] = np.nan
    found = place_by_matrix(AXES, TIERS, [value, risk])
    oracle = [slow(pair) for pair in zip(value.tolist(), risk.tolist(), strict=True)]
    tier, best, up, down = (np.array(column) for column in zip(*oracle, strict=True))
    assert found.tier.tolist() == tier.tolist()
    assert found.best.tolist() == best.tolist()
    np.testing.assert_allclose(found.margin_up, up)
    np.testing.assert_allclose(found.margin_down, down)
    assert (best < tier).any()


def test_segments_know_the_bounds_of_their_tier() -> None:
    document = AXES[0].model_dump() | {}
    document["levels"][0]["cut_by_tier"] = {"a": 90.0}
    segments = Segments(
        axes=(Axis.model_validate(document),),
        classes=(
            Segment(id="much", cells=("high",)),
            Segment(id="little", cells=("middle", "low")),
        ),
    )
    score = np.array([[0, 95.0], [0, 80.0], [0, 80.0], [0, np.nan]])
    found = segment_of(segments, ("risk", "value"), score, np.array([0, 0, 1, 0]), ("a", "b"))
    assert found.tolist() == [0, 1, 0, -1]
