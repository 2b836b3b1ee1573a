"""Sound schemes drawn at random: every scale, every way of deciding, stages and segments."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from features.schema import CATALOGUE, PREDICTIONS, Direction, describe
from tiering.policy import Decider, Scheme
from tiering.validate import validate

NAMES = (*CATALOGUE, *PREDICTIONS)
SPAN = 20.0
"""Values of customers lie between -SPAN and SPAN; limits and bounds too."""


def shares(rng: np.random.Generator, n: int) -> list[float]:
    parts = rng.uniform(0.1, 1.0, n)
    return [float(part) for part in parts / parts.sum()]


def labels(name: str) -> dict[str, str]:
    return {"id": name, "label_en": name.upper(), "label_zh": f"类{name}"}


def indicator(rng: np.random.Generator, name: str, weight: float) -> dict[str, Any]:
    entry = describe(name)
    given: dict[str, Any] = {"name": name, "weight": weight}
    ways = ["percentile", "range", "steps", "plain"]
    way = str(rng.choice([*ways, "value_share"] if entry.unit == "money" else ways))
    if way == "range":
        low, high = np.sort(rng.uniform(-SPAN, SPAN, 2))
        given["range"] = [float(low), float(high) + 1.0]
    elif way == "steps":
        n = int(rng.integers(2, 5))
        at = np.cumsum(rng.uniform(0.5, 8.0, n)) - SPAN
        points = np.sort(rng.uniform(0.0, 100.0, n))
        if entry.direction is Direction.LOWER_IS_BETTER:
            points = points[::-1]
        given["steps"] = [[float(x), float(p)] for x, p in zip(at, points, strict=True)]
    elif way != "plain":
        given["scale"] = way
    return given


def rule(rng: np.random.Generator, names: list[str]) -> list[list[str]]:
    def condition() -> str:
        name = str(rng.choice(names))
        sign = "<" if describe(name).direction is Direction.LOWER_IS_BETTER else ">="
        return f"{name} {sign} {rng.uniform(-SPAN / 2, SPAN / 2):.3f}"

    return [[condition() for _ in range(rng.integers(1, 4))] for _ in range(rng.integers(1, 3))]


def axis(rng: np.random.Generator, dimension: str, depth: int) -> dict[str, Any]:
    cuts = [*np.sort(rng.uniform(10, 90, depth - 1))[::-1].tolist(), 0.0]
    levels = [{**labels(f"l{i}"), "cut": cut} for i, cut in enumerate(cuts)]
    return {"dimension": dimension, "levels": levels}


def random_scheme(seed: int, decider: Decider) -> Scheme:
    """Return a sound scheme; the first indicator weighs something in every stage of life."""
    rng = np.random.default_rng(seed)
    ids = [f"d{i}" for i in range(rng.integers(1, 5))]
    drawn = iter(rng.permutation(NAMES).tolist())
    dimensions = []
    for name, weight in zip(ids, shares(rng, len(ids)), strict=True):
        inner = [
            indicator(rng, next(drawn), share) for share in shares(rng, int(rng.integers(1, 5)))
        ]
        dimensions.append({**labels(name), "weight": weight, "indicators": inner})
    names = [i["name"] for d in dimensions for i in d["indicators"]]
    document: dict[str, Any] = {
        "id": "drawn", "version": "1", "title_en": "Drawn", "title_zh": "随机",
        "dimensions": dimensions, "referral": {"band": 0.0, "max_missing_weight": 0.5},
    }  # fmt: skip

    if decider == "matrix":
        chosen = ids[: int(rng.integers(1, len(ids) + 1))]
        axes = [axis(rng, name, int(rng.integers(2, 4))) for name in chosen]
        cells: dict[int, list[str]] = {}
        for cell in product(*(range(len(a["levels"])) for a in axes)):
            named = " ".join(a["levels"][i]["id"] for a, i in zip(axes, cell, strict=True))
            cells.setdefault(sum(cell), []).append(named)
        document["axes"] = axes
        tiers = [{**labels(f"t{i}"), "cells": cells[i]} for i in sorted(cells)]
    else:
        tiers = [labels(f"t{i}") for i in range(rng.integers(2, 6))]
    if decider in ("score", "combined"):
        cuts = [*np.sort(rng.uniform(10, 90, len(tiers) - 1))[::-1].tolist(), 0.0]
        tiers = [{**tier, "cut": cut} for tier, cut in zip(tiers, cuts, strict=True)]
    if decider in ("rules", "combined"):
        tiers = [*({**tier, "when": rule(rng, names)} for tier in tiers[:-1]), tiers[-1]]
    if decider == "combined":
        document["combine"] = str(rng.choice(["lower", "higher"]))
    document["tiers"] = tiers

    if rng.random() < 0.5:
        document["stages"] = {
            "lifecycle": "six",
            "weights": [
                stage(rng, str(name), dimensions)
                for name in rng.choice(["new", "growing", "mature", "dormant", "lost"], 3, False)
            ],
        }
    if rng.random() < 0.5:
        side = axis(rng, ids[-1], 2)
        side["levels"][0]["cut_by_tier"] = {tier["id"]: float(rng.uniform(5, 95)) for tier in tiers}
        classes = [{**labels("s0"), "cells": ["l0"]}, {**labels("s1"), "cells": ["l1"]}]
        document["segments"] = {"axes": [side], "classes": classes}
    scheme = Scheme.model_validate(document)
    faults = validate(scheme)
    assert faults == [], faults
    assert scheme.decider == decider
    return scheme


def stage(rng: np.random.Generator, name: str, dimensions: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [d["id"] for d in dimensions]
    entry: dict[str, Any] = {"stage": name}
    if rng.random() < 0.7:
        entry["dimensions"] = dict(zip(ids, shares(rng, len(ids)), strict=True))
    if rng.random() < 0.7:
        inner = [i["name"] for i in dimensions[0]["indicators"]]
        first, *others = shares(rng, len(inner))
        if others and rng.random() < 0.5:  # a stage may set an indicator aside
            first, others[-1] = first + others[-1], 0.0
        entry["indicators"] = {ids[0]: dict(zip(inner, [first, *others], strict=True))}
    return entry
