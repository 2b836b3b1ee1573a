"""Tiers by rule against the slow obvious loop, and what is special about distances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.condition import parse_condition
from tiering.normalize import points
from tiering.policy import Scheme
from tiering.rules import place_by_rules
from tiering.scores import Reference

RULES = [
    [["ltv >= 40", "churn_probability < 20"], ["net_amount_365d >= 45"]],
    [["ltv >= 30"], ["tenure_days >= 35", "order_days_30d >= 20"]],
    None,
]


@pytest.fixture
def ruled(small: Scheme) -> Scheme:
    tiers = [
        {"id": f"t{i}", "label_en": f"T{i}", "label_zh": f"层{i}", "when": rule}
        for i, rule in enumerate(RULES)
    ]
    return Scheme.model_validate(small.model_dump(mode="json") | {"tiers": tiers})


def random_values(scheme: Scheme, n: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(7)
    values = {name: np.round(rng.uniform(5, 55, n)) for name in scheme.indicators}
    for column in values.values():
        column[rng.random(n) < 0.15] = np.nan
    return values


def slow(
    scheme: Scheme, reference: Reference, row: dict[str, float]
) -> tuple[int, int, float, float]:
    """One customer: tier, best, points up, points down."""
    weighed = {i.name: i for d in scheme.dimensions for i in d.indicators}

    def at(name: str, x: float) -> float:
        return float(points(reference, weighed[name], np.array([x]))[0])

    last = len(scheme.tiers) - 1
    tier = best = last
    ups, down = [], math.nan
    for index in range(last):
        alternatives = []
        for every in scheme.tiers[index].when or ():
            read = [parse_condition(text) for text in every]
            held = [
                row[c.indicator] >= c.limit if c.sign == ">=" else row[c.indicator] < c.limit
                for c in read
            ]
            unknown = [math.isnan(row[c.indicator]) for c in read]
            gaps = [at(c.indicator, c.limit) - at(c.indicator, row[c.indicator]) for c in read]
            alternatives.append((held, unknown, gaps))
        if any(all(h or u for h, u in zip(held, unknown, strict=True))
               for held, unknown, _ in alternatives):  # fmt: skip
            best = min(best, index)
        if any(all(held) for held, _, _ in alternatives):
            tier = index
            down = max(
                min(max(-gap, 0.0) for gap in gaps) for held, _, gaps in alternatives if all(held)
            )
            break
        needs = [
            max(0.0 if h else max(gap, 0.0) for h, gap in zip(held, gaps, strict=True))
            for held, unknown, gaps in alternatives
            if not any(unknown)
        ]
        ups += needs
    return tier, best, min(ups, default=math.nan), down


def test_against_the_slow_obvious_loop(ruled: Scheme) -> None:
    population = {k: np.arange(5.0, 56.0) for k in ruled.indicators}
    reference = Reference.fit(population)
    values = random_values(ruled, 400)
    found = place_by_rules(ruled, reference, values, 400)
    oracle = [
        slow(ruled, reference, {name: float(column[i]) for name, column in values.items()})
        for i in range(400)
    ]
    tier, best, up, down = (np.array(column) for column in zip(*oracle, strict=True))
    assert found.tier.tolist() == tier.tolist()
    assert found.best.tolist() == best.tolist()
    np.testing.assert_allclose(found.margin_up, up)
    np.testing.assert_allclose(found.margin_down, down)
    assert set(tier) == {0, 1, 2}
    assert (best < tier).any()


def test_a_neutral_indicator_may_be_asked_for_low_values(small: Scheme) -> None:
    document = small.model_dump(mode="json")
    document["dimensions"][4]["indicators"] = [{"name": "season_index_next_90d", "weight": 1.0}]
    document["tiers"] = [
        {"id": "a", "label_en": "A", "label_zh": "甲", "when": [["season_index_next_90d < 30"]]},
        {"id": "b", "label_en": "B", "label_zh": "乙"},
    ]
    scheme = Scheme.model_validate(document)
    ranks = np.arange(1.0, 100.0, 2.0)
    reference = Reference.fit(dict.fromkeys(scheme.indicators, ranks))
    values = {"season_index_next_90d": np.array([20.0, 45.0])}
    found = place_by_rules(scheme, reference, values, 2)
    assert found.tier.tolist() == [0, 1]
    # 20 may rise by 10 points before the tier is lost; 45 lacks 15.
    np.testing.assert_allclose(found.margin_down, [10, np.nan])
    np.testing.assert_allclose(found.margin_up, [np.nan, 15])
