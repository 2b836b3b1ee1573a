"""Writing a run in pieces: others write in between, and nobody sees it before its last one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from serving.domain.grade import Run
from serving.domain.seal import Seal
from serving.nightly.merging import InOrder, Pair
from serving.nightly.pace import Pace
from serving.store.grades import Grades
from serving.store.loading import Row
from serving.store.ranks import Ranks, rank_row
from serving.store.rows import EVIDENCE_COLUMNS, GRADE_COLUMNS
from serving.store.session import Database, Session
from serving.store.steps import RunSteps

PLACES = 4
"""Places in lists that take as long as one grade with its explanation."""
_DISCARDED = 1_000
"""Grades of a dead run that are taken away in one transaction."""

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes into one transaction: grades with their explanations, behind all of them places."""

    grades: list[Row] = field(default_factory=list)
    explanations: list[Row] = field(default_factory=list)
    places: list[Row] = field(default_factory=list)

    def load(self, session: Session) -> None:
        """Write it."""
        Grades(session).load(self.grades, self.explanations)
        Ranks(session).load(self.places)

    @property
    def size(self) -> int:
        """How many customers it takes as long as."""
        return len(self.grades) + len(self.places) // PLACES


class Landing:
    """Brings the rows of a run into the store, all but those of its last piece.

    First come the grades by customer, then their places in lists, best score first: each table
    in the order of its indexes. The last piece, `rest`, goes into the transaction that lets the
    run be seen. A small run is nothing else: it is written in one transaction.

    Parameters
    ----------
    rows
        Its grades, by customer; the store's ids are given here, in this order, so that they too
        come in theirs.
    places
        Takes in the places.

    Attributes
    ----------
    seal
        Of all rows, when `before_the_last` is done.
    rest
        The rows of the last piece.
    begun
        Whether pieces were written before the last.
    """

    def __init__(self, run_id: str, rows: InOrder[Pair], places: InOrder[Row], pace: Pace) -> None:
        self.seal = Seal()
        self.rest = Piece()
        self.begun = False
        self._source = _numbered(run_id, rows)
        self._left = len(rows)
        self._places = places
        self._ranked: Iterator[Row] | None = None
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
        while (following := self._piece()) != Piece():
            with self._pace.timed(self.rest.size), database.write() as session:
                if not self.begun:
                    Grades(session).add_run(run)
                    RunSteps(session).begin(run.run_id)
                self.rest.load(session)
            self.begun = True
            done += len(self.rest.grades)
            self.rest = following
            tell(done)

    def _piece(self) -> Piece:
        piece = Piece()
        for grade, explanation in islice(self._source, self._pace.size):
            piece.grades.append(grade)
            piece.explanations.append(explanation)
        self.seal.add_rows(GRADE_COLUMNS, piece.grades, EVIDENCE_COLUMNS, piece.explanations)
        self._places.add(map(rank_row, piece.grades))
        self._left -= len(piece.grades)
        if not self._left:
            self._ranked = self._ranked or iter(self._places)
            piece.places.extend(islice(self._ranked, PLACES * self._pace.size))
        return piece


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


def _numbered(run_id: str, rows: InOrder[Pair]) -> Iterator[Pair]:
    own = hashlib.sha256(run_id.encode()).hexdigest()[:16]
    for place, (grade, explanation) in enumerate(rows):
        grade_id = f"{own}{place:016x}"
        yield (grade_id, *grade[1:]), (grade_id, *explanation[1:])
