"""Work done some steps ahead of whoever takes its results, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

WORKERS = 2
"""Threads that work ahead; grading leaves the interpreter alone for most of its time."""


def ahead(work: Callable[[S], T], items: Iterable[S], workers: int = WORKERS) -> Iterator[T]:
    """Yield ``work(item)`` of every item in order; no more than ``workers`` are waiting.

    An error of an item is raised in its turn; what was begun after it is thrown away.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="tierwise-batch") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
