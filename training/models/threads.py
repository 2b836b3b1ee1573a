"""Keep small linear algebra on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@contextmanager
def single_threaded_algebra() -> Iterator[None]:
    """Hold BLAS to one thread; LightGBM's own threads are left alone.

    The optimisers here work on four parameters, where waking BLAS threads costs more than the
    work: on two busy cores a backtest took 74 s with them and 18 s without.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
