"""The committed bundle whose scores must come out the same on every machine.

``tests/data/golden/bundle`` is a bundle fitted to the small world of ``conftest.py`` (simulated:
Poisson buyers) with few and small trees; ``expected.json`` holds the indicators of some customers
and what the machine that made it said of them, every float written so that it reads back to
the same bits. Made by

    python -m tests.training.golden

and to be made again only when the bundle's format changes, never to make a test pass.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from features.schema import FloatArray
from tests.training.conftest import FIRST, LAST, World, small_recipe, world_set
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.fitting import Provenance, fit_bundle
from training.recipe import parse_recipe
from training.scores import Scores
from training.splits import plan_origins

FOLDER = Path(__file__).resolve().parents[1] / "data" / "golden"
ROWS = 24


def make() -> None:
    """Write the bundle and what it says."""
    text = re.sub(r"^rounds = \d+", "rounds = 6", small_recipe().text, flags=re.M)
    recipe = parse_recipe(re.sub(r"^num_leaves = \d+", "num_leaves = 6", text, flags=re.M))
    plan = plan_origins(FIRST, LAST, recipe)
    data = world_set(World(seed=5, customers=250), plan, recipe)
    provenance = Provenance("golden", "EUR", True, "0" * 64, "golden")
    bundle = fit_bundle(data, plan.final, recipe, load_scheme(), provenance)
    bundle.save(FOLDER / "bundle")
    today = data.on(plan.serve_day).values
    chosen = today[np.linspace(0, len(today) - 1, ROWS - 1).astype(np.int64)]
    # and a customer of whom nothing is known
    values = np.vstack([chosen, np.full((1, today.shape[1]), np.nan)])
    document = {"values": plain(values), **said(Bundle.load(FOLDER / "bundle"), values)}
    (FOLDER / "expected.json").write_text(json.dumps(document) + "\n", "utf-8")


def said(bundle: Bundle, values: FloatArray) -> dict[str, Any]:
    """Return everything a bundle says of ``(n, k)`` customers, as JSON-able data."""
    scores, decisions = bundle.decide(values)
    told: dict[str, Any] = {f.name: plain(getattr(scores, f.name)) for f in fields(Scores)}
    told["score"] = plain(decisions.composite.score)
    told["tier"] = plain(decisions.tier)
    for name, attribution in bundle.contributions(values).items():
        told[f"{name}.phi.quadrature-1"] = plain(attribution.phi)
    for name, attribution in bundle.contributions(values, "lightgbm").items():
        told[f"{name}.names"] = list(attribution.names)
        told[f"{name}.base_margin"] = attribution.base_margin
        told[f"{name}.margin"] = plain(attribution.margin)
        told[f"{name}.phi"] = plain(attribution.phi)
    return told


def plain(values: np.ndarray[Any, Any]) -> list[Any]:
    """Return an array as nested lists, NaN as None."""
    return [
        plain(np.asarray(each))
        if np.ndim(each)
        else (None if isinstance(each, float) and np.isnan(each) else each)
        for each in (values.tolist() if values.ndim == 1 else values)
    ]


if __name__ == "__main__":
    make()
