"""Writing a run in pieces: others write in between, and nobody sees it before its last one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice

from serving.domain.grade import Run
from serving.domain.seal import Seal
from serving.nightly.merging import BestFirst, Pair
from serving.nightly.pace import Pace
from serving.nightly.packing import Packed
from serving.store.grades import Grades
from serving.store.rows import EVIDENCE_COLUMNS, GRADE_COLUMNS
from serving.store.session import Database
from serving.store.steps import RunSteps

_DISCARDED = 1_000
"""Grades of a dead run that are taken away in one transaction."""

Told = Callable[[int], None]


class Landing:
    """Brings the rows of a run into the store, all but those of its last piece.

    These, `rest`, go into the transaction that lets the run be seen. A small run is nothing else:
    it is written in one transaction.

    Parameters
    ----------
    rows
        Its grades, best first; the store's ids are given here, in this order, so that they too
        come in theirs.

    Attributes
    ----------
    seal
        Of all rows, when `before_the_last` is done.
    rest
        The rows of the last piece.
    begun
        Whether pieces were written before the last.
    """

    def __init__(self, run_id: str, rows: BestFirst, pace: Pace) -> None:
        self.seal = Seal()
        self.rest: Packed = ([], [])
        self.begun = False
        self._source = _numbered(run_id, rows)
        self._pace = pace

    def before_the_last(self, database: Database, run: Run, tell: Told) -> None:
        """Write all pieces but the last, each in a transaction of its own.

        Parameters
        ----------
        run
            When it finishes is still to come.
        tell
            Called with the number of customers written.
        """
        done = 0
        self.rest = self._piece()
        # The last piece is the last by having nothing behind it.
        while following := self._piece():
            if not following[0]:
                return
            with self._pace.timed(len(self.rest[0])), database.write() as session:
                store = Grades(session)
                if not self.begun:
                    store.add_run(run)
                    RunSteps(session).begin(run.run_id)
                store.load(*self.rest)
            self.begun = True
            done += len(self.rest[0])
            self.rest = following
            tell(done)

    def _piece(self) -> Packed:
        grades, explanations = [], []
        for grade, explanation in islice(self._source, self._pace.size):
            grades.append(grade)
            explanations.append(explanation)
        self.seal.add_rows(GRADE_COLUMNS, grades, EVIDENCE_COLUMNS, explanations)
        return grades, explanations


def discard_dead(database: Database) -> None:
    """Take away what batches left that died while they wrote.

    Only who holds the place (`Database.place`) knows that they are dead.
    """
    with database.read() as session:
        dead = RunSteps(session).coming()
    for run_id in dead:
        gone = False
        while not gone:
            with database.write() as session:
                gone = RunSteps(session).discard(run_id, _DISCARDED)


def _numbered(run_id: str, rows: BestFirst) -> Iterator[Pair]:
    own = hashlib.sha256(run_id.encode()).hexdigest()[:16]
    for place, (grade, explanation) in enumerate(rows):
        grade_id = f"{own}{place:016x}"
        yield (grade_id, *grade[1:]), (grade_id, *explanation[1:])
