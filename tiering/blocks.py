"""Rows in blocks: temporaries stay in the processor's cache, and two threads share the work.

What is done to a row must not depend on the rows beside it; then neither the size of the
blocks nor the number of threads shows in the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

ROWS = 16_384
"""Rows of a block: one column of floats is 128 KiB."""


def default_threads() -> int:
    """Return how many threads are used where nobody says: two, or one on a single core."""
    return min(2, os.cpu_count() or 1)


def in_blocks(
    n: int,
    work: Callable[[slice], Result],
    *,
    rows: int = ROWS,
    threads: int | None = None,
) -> list[Result]:
    """Return what ``work`` answers for each block of ``n`` rows, in the order of the rows.

    Parameters
    ----------
    work
        Called with the rows of one block; writes only to those rows. NumPy lets go of the
        interpreter's lock inside its loops, so threads help.
    threads
        At most this many; None is :func:`default_threads`. One block needs no thread.
    """
    parts = [slice(start, min(start + rows, n)) for start in range(0, n, rows)]
    if len(parts) <= 1:  # asking for the processors takes longer than one row
        return [work(part) for part in parts]
    workers = min(default_threads() if threads is None else threads, len(parts))
    if workers <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, parts))
