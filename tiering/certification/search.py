"""The most generous threshold that holds: learn then test, in a fixed sequence.

Thresholds are declared before anything is seen and tested from the strictest on, each at the
full ``delta``; the first that cannot be shown to hold ends the search. So the chance to certify
any threshold that does not hold is at most ``delta`` (Angelopoulos et al., "Learn then Test",
arXiv 2110.01052, fixed sequence testing). A threshold that selects too few customers is passed
over: how many it selects says nothing of how many of them are wrong.

Outcomes of one origin share a season, and customers come back at the next origin. Rows of
several origins are therefore never counted together: a threshold holds only if it holds at each
origin on its own, where every customer stands once. That is an intersection of tests, each of
which alone would do for a future that resembles its origin, so ``delta`` need not be shared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from features.schema import FloatArray
from tiering.certification.bounds import IntArray, least_selected, too_few_errors
from tiering.certification.trial import Trial
from tiering.errors import PolicyError


def _grid() -> tuple[float, ...]:
    return tuple(round(0.995 - 0.005 * step, 3) for step in range(100))


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to be certified, declared before the calibration customers are looked at.

    Attributes
    ----------
    level
        Largest share of mistakes among those decided automatically, 0 to 1.
    delta
        Chance, 0 to 1, that the certificate is wrong.
    margin
        Taken off ``level`` for the shift to the next origin, 0 up to ``level``; see
        :func:`~tiering.certification.drift.shift_margin`.
    least
        Customers a threshold must select at every origin to be tested. Small: a single mistake
        among the few surest ends the search. Large: a small population is never certified.
    grid
        Thresholds on the confidence, descending.
    """

    level: float = 0.05
    delta: float = 0.05
    margin: float = 0.0
    least: int = 150
    grid: tuple[float, ...] = field(default_factory=_grid)

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 < self.delta < 1 and 0 <= self.margin < self.level):
            raise PolicyError(
                "A promise needs 0 < level < 1, 0 < delta < 1 and 0 <= margin < level.",
                level=self.level,
                delta=self.delta,
                margin=self.margin,
            )
        if not self.grid or any(a <= b for a, b in zip(self.grid, self.grid[1:], strict=False)):
            raise PolicyError("The thresholds of a promise must descend.", grid=list(self.grid))

    @property
    def tested_level(self) -> float:
        """The share of mistakes that every calibration origin must stay below."""
        return self.level - self.margin

    @property
    def tested_least(self) -> int:
        """Customers a threshold must select at every origin to be tested."""
        return max(self.least, least_selected(self.tested_level, self.delta))


def most_generous(trial: Trial, promise: Promise) -> float | None:
    """Return the lowest threshold that holds at every origin, or None if not even one does."""
    return last_to_hold(*counts(trial, promise.grid), promise)


def last_to_hold(selected: IntArray, errors: IntArray, promise: Promise) -> float | None:
    """Return the last threshold to hold before the first that fails, of counts as below.

    Parameters
    ----------
    selected, errors
        ``(origins, thresholds)``, as :func:`counts` returns them.
    """
    if len(selected) == 0:
        return None
    testable = selected.min(axis=0) >= promise.tested_least
    surprise = too_few_errors(errors, selected, promise.tested_level).max(axis=0)
    holds = np.where(testable, surprise <= promise.delta, True)
    fails = np.flatnonzero(~holds)
    end = int(fails[0]) if fails.size else len(promise.grid)
    passed = np.flatnonzero(testable[:end])
    return promise.grid[int(passed[-1])] if passed.size else None


def counts(trial: Trial, grid: tuple[float, ...]) -> tuple[IntArray, IntArray]:
    """Return how many each threshold selects, and how many of them are wrong.

    Returns
    -------
    selected, errors
        ``(origins, thresholds)``, origins ascending.
    """
    origins = trial.origins
    selected = np.zeros((len(origins), len(grid)), dtype=np.int64)
    errors = np.zeros_like(selected)
    for row, origin in enumerate(origins):
        here = (trial.origin == origin) & trial.candidate & ~np.isnan(trial.confidence)
        descending = np.argsort(-trial.confidence[here], kind="stable")
        sure: FloatArray = -trial.confidence[here][descending]
        wrong = np.concatenate([[0], np.cumsum(trial.wrong[here][descending])])
        selected[row] = np.searchsorted(sure, -np.asarray(grid), side="right")
        errors[row] = wrong[selected[row]]
    return selected, errors
