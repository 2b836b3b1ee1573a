"""What a search found, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from training.recipe_text import Value


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: ``state`` is complete, pruned or failed, ``values`` the running means."""

    number: int
    state: str
    value: float
    values: tuple[float, ...]
    fields: Mapping[str, Value]
    seconds: float


@dataclass(frozen=True, slots=True)
class HeldOutRow:
    """One metric on the held-out origins, pooled, under both recipes.

    ``low`` and ``high`` bound the mean difference of the loss, tuned minus base, with 95 %
    (bootstrap over customers); NaN for a metric that is not a mean over customers.
    """

    metric: str
    base: float
    tuned: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found.

    Attributes
    ----------
    text
        The tuned recipe: the base's text with the best trial's fields; the base's own text
        when no trial was better.
    best
        The best complete trial if it was better than the base (below 1), else None.
    inner, held_out
        ISO days of the origins searched on, and of those kept for the end.
    looks
        How often this world's held-out origins have been looked at, this time included.
    """

    text: str
    best: Trial | None
    trials: tuple[Trial, ...]
    inner: tuple[str, ...]
    held_out: tuple[str, ...]
    rows: tuple[HeldOutRow, ...]
    looks: int
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a search stands after a trial."""

    finished: int
    trials: int
    best: float
    last: Trial | None
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Budget:
    """When a search ends: after so many trials or so many minutes, whichever comes first."""

    minutes: float
    trials: int
