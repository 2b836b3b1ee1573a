"""Graded customers in the order in which the store takes them fastest: best score first.

The lists of grades are read best score first, so the store keeps indexes in that order, of all, by
tier, by stage, and of those referred. Rows that come in their order go to the end of each; in any
other order every row changes pages all over them, and a million rows change more pages than fit
into memory. So what was graded is sorted on its way: in memory as much as fits there, and the
sorted runs are merged while they are read back.
"""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from serving.nightly.packing import Packed
from serving.store.loading import Row
from serving.store.rows import GRADE_COLUMNS

RUN = 10_000
"""Customers sorted in memory, some 5 KB each."""
_PART = 32
"""Customers of one sorted run that are read back at a time."""
_SCORE, _CUSTOMER = GRADE_COLUMNS.index("score"), GRADE_COLUMNS.index("customer_id")

Pair = tuple[Row, Row]
"""A grade and its explanation."""


class BestFirst:
    """Grades with their explanations: added in any order, read best score first.

    Ties are in the order of the customers' ids, so the order does not depend on that of adding.
    The file has no name: it is gone with the process, however that ends.

    Parameters
    ----------
    folder
        Where there is room; None: where the system keeps temporary files.
    run
        Customers sorted in memory.
    """

    def __init__(self, folder: Path | None = None, run: int = RUN) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".tierwise-")  # noqa: SIM115
        self._run = run
        self._fresh: list[Pair] = []
        self._runs: list[list[tuple[int, int]]] = []
        """Of each sorted run, where its parts begin in the file and how long they are."""
        self._count = 0

    def add(self, some: Packed) -> None:
        """Keep some customers."""
        self._fresh += zip(*some, strict=True)
        self._count += len(some[0])
        if len(self._fresh) >= self._run:
            self._put_away()

    def __iter__(self) -> Iterator[Pair]:
        if self._fresh:
            self._put_away()
        return heapq.merge(*map(self._read, self._runs), key=_order)

    def __len__(self) -> int:
        return self._count

    def _put_away(self) -> None:
        self._fresh.sort(key=_order)
        parts = []
        for start in range(0, len(self._fresh), _PART):
            content = marshal.dumps(self._fresh[start : start + _PART])
            parts.append((self._file.tell(), len(content)))
            self._file.write(content)
        self._file.flush()
        self._runs.append(parts)
        self._fresh = []

    def _read(self, parts: list[tuple[int, int]]) -> Iterator[Pair]:
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


def _order(pair: Pair) -> tuple[float, str]:
    score, customer = pair[0][_SCORE], pair[0][_CUSTOMER]
    assert isinstance(score, float)
    assert isinstance(customer, str)
    return -score, customer
