"""Replay ways to hold tiers over real grades; print and write the frontier.

    .venv/bin/python experiments/2026-11-hysteresis/run.py --grades var/hysteresis

Reads what ``grades.py`` wrote; writes ``result.json`` beside this file and ``docs/migration.svg``,
and prints the tables of ``docs/migration.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from judging import DAYS, WORLDS, Judgement, Key, World, as_dict, load, rounded
from page import as_file, frontier, tables

from features.schema import FloatArray
from tiering.rising import packaged_rising
from training.evaluation.migration import partial_moves

HERE = Path(__file__).parent
LOSS = 0.005
"""Accuracy that may be given up, as a share of customers and days."""
ALIKE = 0.0055
"""Share of reversals: one standard error of its mean over the worlds (jackknife)."""
HALVES = tuple(step / 2 for step in range(11))
NOTCH = 5.0
"""Points: a letter of a rating has three notches, a tier of the default scheme is 15 points."""
GROUPS = 20


def main() -> None:
    """Parse the options, replay, choose, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grades", type=Path, required=True)
    options = parser.parse_args()
    worlds = {name: load(options.grades / f"{name}.npz") for name in WORLDS}
    naive = {name: world.under((0.0, 0.0, 0, 0)) for name, world in worlds.items()}

    found: dict[Key, dict[str, Judgement]] = {}
    for key in ((up, down, 0, 0) for up, down in product(HALVES, HALVES)):
        found[key] = {name: world.under(key) for name, world in worlds.items()}
    chosen = best(found, naive, tuple(WORLDS))
    left_out = {name: best(found, naive, tuple(w for w in WORLDS if w != name)) for name in WORLDS}
    pairs = {(0.0, 0.0), (2.0, 2.0), chosen[:2]}
    for (up, down), (dwell, grace) in product(sorted(pairs), DAYS):
        key = (up, down, dwell, grace)
        if key not in found:
            found[key] = {name: world.under(key) for name, world in worlds.items()}
    again = best(found, naive, tuple(WORLDS))
    agencies = {
        name: world.judge(partial_moves(world.hindsight, 1.8 * NOTCH, 0.7, 0.6))
        for name, world in worlds.items()
    }
    document = {
        "simulated": ["b2b"],
        "days": {name: [str(d) for d in w.hindsight.days] for name, w in worlds.items()},
        "customers": {name: int(w.hindsight.tier.shape[1]) for name, w in worlds.items()},
        "rule": (
            f"accuracy loss at most {LOSS:.1%} in every world, by both definitions; reversals "
            f"removed within {ALIKE:.2%} of the most; of these the most accurate"
        ),
        "chosen": list(again),
        "chosen_without": {name: list(key) for name, key in left_out.items()},
        "naive": {name: as_dict(judged) for name, judged in naive.items()},
        "altman_rijken": {name: as_dict(judged) for name, judged in agencies.items()},
        "grid": [
            {"policy": list(key), **{name: each.against(naive[name]) for name, each in by.items()}}
            for key, by in sorted(found.items())
        ],
        "standard_errors": {name: jackknife(world, again) for name, world in worlds.items()},
        "quarterly": {
            name: quarterly(world, again) for name, world in worlds.items() if name != "journey"
        },
        "rising": {name: rising(world) for name, world in worlds.items()},
    }
    (HERE / "result.json").write_text(json.dumps(rounded(document), indent=1) + "\n", "utf-8")
    figure = frontier(found, naive, agencies, again)
    (HERE.parents[1] / "docs" / "migration.svg").write_text(as_file(figure), "utf-8")
    print("\n".join(tables(found, naive, agencies, again)))
    print(json.dumps(rounded({k: document[k] for k in ("chosen", "chosen_without")})))
    print(json.dumps(rounded(document["standard_errors"]), indent=1))
    print(json.dumps(rounded(document["rising"]), indent=1))


def best(
    found: Mapping[Key, Mapping[str, Judgement]],
    naive: Mapping[str, Judgement],
    names: tuple[str, ...],
) -> Key:
    """Return the most accurate of the ways that remove about as many reversals as can be.

    Of the ways within the loss allowed in every world; about as many: within :data:`ALIKE`.
    """
    removed: dict[Key, float] = {}
    accuracy: dict[Key, float] = {}
    for key, by in sorted(found.items()):
        changes = [by[name].against(naive[name]) for name in names]
        both = [c[which] for c in changes for which in ("accuracy_change", "value_accuracy_change")]
        if min(both) >= -LOSS:
            removed[key] = float(np.mean([change["reversals_removed"] for change in changes]))
            accuracy[key] = float(np.mean(both))
    enough = max(removed.values()) - ALIKE
    return max((key for key in removed if removed[key] >= enough), key=accuracy.__getitem__)


def jackknife(world: World, key: Key) -> dict[str, float]:
    """Return standard errors of the changes: groups of customers left out in turn."""
    n = world.hindsight.tier.shape[1]
    group = np.random.default_rng(20261122).permutation(n) % GROUPS
    runs: list[dict[str, float]] = []
    for each in range(GROUPS):
        part = world.of(np.flatnonzero(group != each))
        runs.append(part.under(key).against(part.under((0.0, 0.0, 0, 0))))
    factor = (GROUPS - 1) / GROUPS
    return {
        name: float(np.sqrt(factor * np.sum((values - values.mean()) ** 2)))
        for name in runs[0]
        for values in [np.array([run[name] for run in runs])]
    }


def quarterly(world: World, key: Key) -> dict[str, dict[str, float]]:
    """Return figures of assessing every third month only: means over the three ways to do so."""
    naive: list[Judgement] = []
    policies: list[dict[str, float]] = []
    for first in range(3):
        third = World(
            *(
                replace(h, days=h.days[first::3], tier=h.tier[first::3],
                        deserved=h.deserved[first::3], score=h.score[first::3])
                for h in (world.hindsight, world.by_value)
            ),
            world.rows,
        )  # fmt: skip
        naive.append(third.under((0.0, 0.0, 0, 0)))
        policies.append(third.under(key).against(naive[-1]))
    return {
        "naive": {
            "moves": float(np.mean([each.hindsight.moves for each in naive])),
            "reversals": float(np.mean([each.hindsight.reversals for each in naive])),
            "accuracy": float(np.mean([each.hindsight.accuracy for each in naive])),
        },
        "policy": {k: float(np.mean([each[k] for each in policies])) for k in policies[0]},
    }


def rising(world: World) -> dict[str, object]:
    """Return the share screened in the lowest tier, and who was upgraded a quarter later.

    Twice: by the tiers of the scheme, and by tiers of the year's spend, whose lowest are the 60 %
    that spent least on the first day.
    """
    rows = world.rows
    amounts = rows["amount"]
    first = rows["day"] == rows["day"].min()
    small = amounts < np.quantile(amounts[first], 0.6)
    return {
        "by_scheme": screened(rows, rows["tier"] == len(rows["cuts"]) - 1),
        "by_spend": screened(rows, small),
    }


def screened(rows: Mapping[str, np.ndarray], lowest: np.ndarray) -> dict[str, object]:
    """Count over all days that have another one 90 days later."""
    days = np.unique(rows["day"])
    pairs = [d for d in days if d + np.timedelta64(90, "D") in days]
    signs: list[np.ndarray] = []
    up: list[np.ndarray] = []
    for day in pairs:
        here = (rows["day"] == day) & lowest
        then = (rows["day"] == day + np.timedelta64(90, "D")) & ~lowest
        up.append(np.isin(rows["customer"][here], rows["customer"][then]))
        signs.append(rows["signs"][here])
    sign, upgraded = np.concatenate(signs), np.concatenate(up)
    any_sign = sign.any(axis=1)
    return {
        "customers": len(upgraded),
        "share_screened": float(any_sign.mean()),
        "upgraded_screened": mean(upgraded[any_sign]),
        "upgraded_others": mean(upgraded[~any_sign]),
        "signs": {
            each.id: {"share": float(sign[:, i].mean()), "upgraded": mean(upgraded[sign[:, i]])}
            for i, each in enumerate(packaged_rising().signs)
        },
    }


def mean(values: FloatArray) -> float | None:
    """Return the mean; None of nothing."""
    return float(values.mean()) if values.size else None


if __name__ == "__main__":
    main()
