"""A simulated panel and a simulated regression around planted weights.

Members see the planted weights through biases and noise in logarithms: one bias that all share,
one of their role, one of their own, and noise new in every round. After each round a member moves
towards the panel's median (anchoring). Answers are whole points. A wild member answers anything.
The regression sees too little of some dimensions (value beyond its horizon), with sampling noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tiering.weights.blend import FittedWeight

Array = npt.NDArray[np.float64]
DIMENSIONS = ("value", "potential", "risk", "strategic", "dynamic")
DOCUMENTS = np.array([0.40, 0.25, 0.15, 0.15, 0.05])
ROLES = ("expert",) * 10 + ("executive",) * 5
Z = 1.959963984540054


@dataclass(frozen=True)
class World:
    """How far experts and data are off; standard deviations of logarithms unless told."""

    name: str
    shared: float = 0.2  # bias of all members together
    role: float = 0.1  # bias of a role
    member: float = 0.4  # bias of a member
    noise: float = 0.25  # new in each round
    anchoring: float = 0.4  # share of the way to the panel's median, 0 to 1
    wild: float = 1 / 15  # chance that a member answers anything
    absent: float = 0.05  # chance to miss a round
    blind: float = 0.3  # bias of the regression
    rows: float = 150.0  # concentration of its sampling noise (Dirichlet)


WORLDS = (
    World("nobody biased", shared=0.0, role=0.0, blind=0.0),
    World("both biased alike"),
    World("experts better", shared=0.1, blind=0.6),
    World("data better", shared=0.5, blind=0.1, rows=600.0),
    World("both surely wrong", shared=0.5, blind=0.5, rows=2000.0),
)
VARIANTS = (
    replace(WORLDS[1], name="no wild member", wild=0.0),
    replace(WORLDS[1], name="three of fifteen wild", wild=0.2),
    replace(WORLDS[1], name="no anchoring", anchoring=0.0),
    replace(WORLDS[1], name="strong anchoring", anchoring=0.8),
)


def planted(rng: np.random.Generator) -> Array:
    """Draw true weights about those of the documents, each at least 0.01."""
    weights = np.maximum(rng.dirichlet(30 * DOCUMENTS), 0.01)
    return weights / weights.sum()


def answers(true: Array, world: World, rng: np.random.Generator, rounds: int = 3) -> dict[str, Any]:
    """Return the answers of a panel as a document of ``tierwise weights delphi``."""
    m, d = len(ROLES), len(true)
    role = {each: rng.normal(0, world.role, d) for each in sorted(set(ROLES))}
    private = np.log(true) + rng.normal(0, world.shared, d) + rng.normal(0, world.member, (m, d))
    private += np.stack([role[each] for each in ROLES])
    wild = rng.random(m) < world.wild
    rows, middle = [], None
    for number in range(1, rounds + 1):
        told = private + rng.normal(0, world.noise, (m, d))
        if middle is not None:
            told = (1 - world.anchoring) * told + world.anchoring * np.log(middle)
        points = softmax(told)
        points[wild] = rng.dirichlet(np.ones(d), int(wild.sum()))
        points = np.maximum(np.rint(100 * points), 1)
        there = rng.random(m) >= world.absent
        there[:2] = True
        for i in np.flatnonzero(there):
            rows.append(
                {
                    "round": number,
                    "member": f"{ROLES[i]}-{i + 1:02d}",
                    "role": ROLES[i],
                    "weights": dict(zip(DIMENSIONS, points[i].tolist(), strict=True)),
                }
            )
        middle = np.median(points[there] / points[there].sum(axis=1, keepdims=True), axis=0)
    return {"simulated": True, "answers": rows}


def regression(true: Array, world: World, rng: np.random.Generator) -> tuple[FittedWeight, ...]:
    """Return the weights of a regression with intervals that know its sampling noise alone."""
    seen = softmax(np.log(true) + rng.normal(0, world.blind, len(true)))
    found = rng.dirichlet(world.rows * seen)
    error = np.sqrt(found * (1 - found) / (world.rows + 1))
    return tuple(
        FittedWeight(name, float(w), float(max(0.0, w - Z * e)), float(w + Z * e))
        for name, w, e in zip(DIMENSIONS, found, error, strict=True)
    )


def softmax(logs: Array) -> Array:
    """Return shares of 1 from logarithms, along the last axis."""
    high = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(high / high.sum(axis=-1, keepdims=True))
