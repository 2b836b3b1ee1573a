"""Rows a few thousand at a time, and columns added up by what they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

BLOCK_ROWS = 4096


def blocks(count: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Return slices of ``size`` rows, the last one shorter, that cover ``count`` rows."""
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))


def add_columns(found: FloatArray, columns: FloatArray, owner: Sequence[int]) -> None:
    """Add column after column of ``columns`` ``(n, m)`` to its owner's in ``found`` ``(n, k)``.

    ``owner`` ``(m,)`` holds positions in ``found``. Columns of different owners go together: the
    sum of each owner is added up in the order of its columns all the same.
    """
    for taken, place in _rounds(tuple(owner)):
        found[:, place] += columns[:, taken]


@lru_cache(maxsize=32)
def _rounds(
    owner: tuple[int, ...],
) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], ...]:
    """Return columns and places round by round, no place twice in a round."""
    rounds: list[list[tuple[int, int]]] = []
    met: dict[int, int] = {}
    for column, place in enumerate(owner):
        nth = met.get(place, 0)
        met[place] = nth + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append((column, place))
    return tuple(
        (np.array([c for c, _ in pairs]), np.array([p for _, p in pairs])) for pairs in rounds
    )
