"""What a batch gathers, in the order in which the store takes it fastest: that of its indexes.

Rows that come in the order of an index go to its end; in any other order every row changes a page
somewhere in it, and a million rows change more pages than fit into memory. So rows are sorted on
their way: in memory as much as fits there, and the sorted runs are merged while they are read back.
"""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from serving.store.loading import Row
from serving.store.ranks import RANK_COLUMNS
from serving.store.rows import GRADE_COLUMNS

RUN = 10_000
"""Rows sorted in memory, some 5 KB each."""
PLACES_RUN = 40_000
"""Places in lists sorted in memory, some 300 bytes each."""
_PART = 32
"""Rows of one sorted run that are read back at a time."""
_CUSTOMER = GRADE_COLUMNS.index("customer_id")
_PLACE = RANK_COLUMNS.index("minus_score"), RANK_COLUMNS.index("customer_id")

T = TypeVar("T", bound=tuple[Any, ...])
Pair = tuple[Row, Row]
"""A grade and its explanation."""


class InOrder(Generic[T]):
    """Rows of plain values: added in any order, read in that of their keys, which are unique.

    The file has no name: it is gone with the process, however that ends.

    Parameters
    ----------
    key
        Of a row; equal keys are read in any order.
    folder
        Where there is room; None: where the system keeps temporary files.
    run
        Rows sorted in memory.
    """

    def __init__(self, key: Callable[[T], Any], folder: Path | None = None, run: int = RUN) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".tierwise-")  # noqa: SIM115
        self._key, self._run = key, run
        self._fresh: list[T] = []
        self._runs: list[_Run] = []
        self._count = 0

    def add(self, some: Iterable[T]) -> None:
        """Keep some rows."""
        before = len(self._fresh)
        self._fresh += some
        self._count += len(self._fresh) - before
        if len(self._fresh) >= self._run:
            self._put_away()

    def __iter__(self) -> Iterator[T]:
        if self._fresh:
            self._put_away()
        return heapq.merge(*(self._read(run.parts) for run in self._runs), key=self._key)

    def __len__(self) -> int:
        return self._count

    def _put_away(self) -> None:
        self._fresh.sort(key=self._key)
        first, last = self._key(self._fresh[0]), self._key(self._fresh[-1])
        # What comes in order already is one run, and nothing is merged.
        if not self._runs or first < self._runs[-1].last:
            self._runs.append(_Run())
        run = self._runs[-1]
        run.last = last
        for start in range(0, len(self._fresh), _PART):
            content = marshal.dumps(self._fresh[start : start + _PART])
            run.parts.append((self._file.tell(), len(content)))
            self._file.write(content)
        self._file.flush()
        self._fresh = []

    def _read(self, parts: list[tuple[int, int]]) -> Iterator[T]:
        # By place, not by seeking: all runs are read beside each other.
        for start, length in parts:
            yield from marshal.loads(os.pread(self._file.fileno(), length, start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class _Run:
    """A sorted run: where its parts begin in the file, how long they are, and its last key."""

    __slots__ = ("last", "parts")

    def __init__(self) -> None:
        self.parts: list[tuple[int, int]] = []
        self.last: Any = None


def by_customer(pair: Pair) -> str:
    """Return what grades with their explanations are kept in the order of."""
    customer = pair[0][_CUSTOMER]
    assert isinstance(customer, str)
    return customer


def best_first(place: Row) -> tuple[float, str]:
    """Return what places in lists are kept in the order of; ties by the customers' ids."""
    minus_score, customer = (place[column] for column in _PLACE)
    assert isinstance(minus_score, float)
    assert isinstance(customer, str)
    return minus_score, customer
