"""Summaries of the runs that were looked at lately; a finished run never changes."""

from __future__ import annotations

from threading import Lock

from serving.domain.grade import Run
from serving.store.portfolio import read_population
from serving.store.session import Session
from serving.web.summary import Summary, summarise

KEPT = 4
"""Runs remembered; the one that is served and a few before it."""


class Summaries:
    """Counts a run once, however many pages ask for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_run: dict[str, Summary] = {}

    def of(self, session: Session, run: Run) -> Summary:
        """Return the summary of a run."""
        with self._lock:
            found = self._by_run.get(run.run_id)
            if found is None:
                dimensions = [dimension.id for dimension in run.basis.dimensions]
                population = read_population(session, run.run_id, dimensions)
                found = summarise(population, len(run.basis.tiers))
                self._by_run[run.run_id] = found
                for old in list(self._by_run)[:-KEPT]:
                    del self._by_run[old]
            return found
