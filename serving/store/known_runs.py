"""Runs that were read before; a finished run never changes, so it is read once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from serving.domain.grade import Run

KEPT = 8
"""The served run and those that lists are still being paged through."""


class KnownRuns:
    """Runs by id. Which run is served, or whether one exists, is for the store to say."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_id: dict[str, Run] = {}

    def get(self, run_id: str, read: Callable[[], Run]) -> Run:
        """Return a run that exists, reading it the first time."""
        with self._lock:
            found = self._by_id.get(run_id)
        if found is not None:
            return found
        # Not under the lock: two readers may both read it, and read the same.
        run = read()
        with self._lock:
            self._by_id[run_id] = run
            for old in list(self._by_id)[:-KEPT]:
                del self._by_id[old]
        return run
