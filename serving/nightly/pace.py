"""How much is done in one transaction, so that whoever else wants to write waits for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

WANTED = 0.3
"""Seconds that a transaction may take."""
LEAST, MOST = 200, 5_000
"""Customers of a piece, whatever it takes; two of them are in memory, some 5 KB a customer."""
PIECE = 2_000
"""Customers of the first piece, of which nobody knows how long it takes."""


class Pace:
    """Finds out how many customers are done in the time wanted.

    Attributes
    ----------
    size
        Customers of the next piece.
    """

    def __init__(self, size: int = PIECE) -> None:
        self.size = size
        self._most = max(MOST, size)
        self._least = min(LEAST, size)

    @contextmanager
    def timed(self, done: int) -> Iterator[None]:
        """Do a piece of ``done`` customers; the next one is larger or smaller by what it took."""
        begun = perf_counter()
        yield
        took = max(perf_counter() - begun, 1e-6)
        # By half at most: one slow commit says little about the next.
        wanted = done * min(1.5, max(0.5, WANTED / took))
        self.size = int(min(self._most, max(self._least, wanted)))
