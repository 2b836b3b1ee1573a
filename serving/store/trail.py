"""Proofs about the audit trail without reading all of it.

A Merkle tree of a million events has two million nodes. Kept are only the roots of complete
blocks of `BLOCK` leaves, 32 bytes each, read once; whatever lies inside a block is made again
from its leaves. A proof touches at most three blocks: that of the event, and the ragged right
edges of both trails. As the trail only grows, a complete block never changes; if somebody edits
one after it was read, proofs about it no longer hold, as they should.
"""

from __future__ import annotations

import threading

from serving.domain.merkle import EMPTY_ROOT, Head, half, leaf_hash, node_hash
from serving.store.audit_events import AuditEvents

BLOCK = 1024
"""Leaves of a block; a power of two."""


class Trail:
    """The tree over the audit trail of one store, for all requests of a process."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._lock = threading.Lock()

    def at(self, events: AuditEvents) -> TrailView:
        """Return the tree as a transaction sees it; reads only blocks that are new."""
        last = events.last()
        size = last.sequence if last else 0
        with self._lock:
            for number in range(len(self._blocks), size // BLOCK):
                leaves = _leaves(events, number * BLOCK, (number + 1) * BLOCK)
                self._blocks.append(_root(leaves))
            return TrailView(events, size, tuple(self._blocks[: size // BLOCK]))


class TrailView:
    """The tree over the first ``size`` events.

    Parameters
    ----------
    blocks
        Roots of the complete blocks.
    """

    def __init__(self, events: AuditEvents, size: int, blocks: tuple[bytes, ...]) -> None:
        self.size = size
        self._events = events
        self._blocks = blocks
        self._read: dict[int, list[bytes]] = {}

    def head(self, size: int | None = None) -> Head:
        """Return the present head, or that of when the trail had ``size`` events.

        Raises
        ------
        IndexError
            If it never had so many.
        """
        size = self._known(size)
        return Head(size, self._span(0, size).hex() if size else EMPTY_ROOT)

    def inclusion(self, index: int, size: int | None = None) -> tuple[str, ...]:
        """Return the proof that the leaf at ``index`` (from 0) stands in a head, hex hashes.

        Raises
        ------
        IndexError
            If there is no such head, or no such leaf in it.
        """
        size = self._known(size)
        if not 0 <= index < size:
            raise IndexError(f"There are {size} events, none at place {index}.")
        start, stop, path = 0, size, []
        while stop - start > 1:
            middle = start + half(stop - start)
            if index < middle:
                path.append(self._span(middle, stop))
                stop = middle
            else:
                path.append(self._span(start, middle))
                start = middle
        return tuple(node.hex() for node in reversed(path))

    def consistency(self, first: int, second: int | None = None) -> tuple[str, ...]:
        """Return the proof that the head of ``second`` events begins with that of ``first``.

        Raises
        ------
        IndexError
            If there is no such head, or the first is empty or the larger one.
        """
        second = self._known(second)
        if not 1 <= first <= second:
            raise IndexError(f"A trail of {second} events never had {first}.")
        start, stop, whole, path = 0, second, True, []
        # The recursion of RFC 9162 section 2.1.4.1, from the root down.
        while first != stop:
            middle = start + half(stop - start)
            if first <= middle:
                path.append(self._span(middle, stop))
                stop = middle
            else:
                path.append(self._span(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self._span(start, stop))
        return tuple(node.hex() for node in reversed(path))

    def _known(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise IndexError(f"A trail of {self.size} events never had {size}.")
        return size

    def _span(self, start: int, stop: int) -> bytes:
        """Return the root over leaves ``start`` to ``stop``, a subtree of the tree of some head."""
        width = stop - start
        if start % BLOCK == 0 and width % BLOCK == 0:
            return _root(list(self._blocks[start // BLOCK : stop // BLOCK]))
        if width < BLOCK:
            block, offset = divmod(start, BLOCK)
            return _root(self._leaves(block)[offset : offset + width])
        middle = start + half(width)
        return node_hash(self._span(start, middle), self._span(middle, stop))

    def _leaves(self, block: int) -> list[bytes]:
        if block not in self._read:
            stop = min((block + 1) * BLOCK, self.size)
            self._read[block] = _leaves(self._events, block * BLOCK, stop)
        return self._read[block]


def _leaves(events: AuditEvents, start: int, stop: int) -> list[bytes]:
    return [leaf_hash(each) for each in events.hashes(start, stop)]


def _root(level: list[bytes]) -> bytes:
    """Return the root over adjacent nodes of one level (at least one)."""
    while len(level) > 1:
        paired = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]
