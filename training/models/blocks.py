"""Rows a few thousand at a time: what is made of them on the way stays small, and in the cache."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK_ROWS = 4096


def blocks(count: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Return slices of ``size`` rows, the last one shorter, that cover ``count`` rows."""
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))
