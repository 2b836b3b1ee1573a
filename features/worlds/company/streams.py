"""Random streams: one for each block of accounts and each subject.

Accounts are drawn in blocks of :data:`BLOCK`, always whole, and a block's streams depend on
nothing but the seed and its number. So account 17 is the same in a company of 18 accounts and
in one of a million, however many blocks are written at a time, and a change in how tickets are
drawn leaves the orders as they are.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from features.schema import FloatArray
from features.worlds.company.seasons import IntArray

BLOCK = 250
"""Accounts of a block. Part of the definition: another number gives another company."""

Subject = Literal[
    "accounts", "orders", "invoices", "tickets", "surveys", "interactions", "contacts",
    "contracts", "assessments", "customers", "market",
]  # fmt: skip
_NUMBERS: dict[Subject, int] = {
    "accounts": 0, "orders": 1, "invoices": 2, "tickets": 3, "surveys": 4, "interactions": 5,
    "contacts": 6, "contracts": 7, "assessments": 8, "customers": 9, "market": 10,
}  # fmt: skip


def stream(seed: int, block: int, subject: Subject) -> np.random.Generator:
    """Return the random stream of a subject in a block."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, _NUMBERS[subject])))


def arrivals(
    rng: np.random.Generator,
    per_day: FloatArray,
    first: FloatArray,
    last: FloatArray,
) -> tuple[IntArray, IntArray]:
    """Draw events at a constant rate; the caller thins them to a varying one.

    Parameters
    ----------
    per_day, first, last
        ``(n,)``: the rate of each source, and the span of days it is active in.

    Returns
    -------
    who, day
        Source and day of each event, in order of the sources.
    """
    span = np.maximum(last - first, 0)
    counts = rng.poisson(per_day * span)
    who = np.repeat(np.arange(len(per_day)), counts)
    return who, np.floor(first[who] + rng.random(len(who)) * span[who]).astype(np.int64)
