"""How far a run that takes several transactions has come, and what it leaves if it dies.

A large run is written piece by piece, so that others can write meanwhile. Until its last piece it
is *coming*: nobody sees it. From then on it is served, and what follows from it (review cases,
changes of tier) is *told*, customer by customer. A run without a step is done with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, String, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from serving.store.ranks import Ranks
from serving.store.tables import CustomerId, ExplanationRow, GradeRow, RunRow, Table

COMING, TELLING = "coming", "telling"


class RunStepRow(Table):
    """A run that is not done yet."""

    __tablename__ = "run_step"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(10))
    # The run that was served before; whose tiers changes are told against.
    served_run_id: Mapped[str | None] = mapped_column(String(40))
    # The last customer of whom all is told.
    told_to: Mapped[str | None] = mapped_column(CustomerId)


FINISHED = RunRow.run_id.not_in(select(RunStepRow.run_id).where(RunStepRow.stage == COMING))
"""Of runs: those that are there for whoever reads."""
IN_FINISHED = GradeRow.run_id.in_(select(RunRow.run_id).where(FINISHED))
"""Of grades: those of such runs. With a customer, the one index there is over both is used, run by
run; SQLite would rather look through all grades than join them so."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A run that is served, and of which not all is told.

    Attributes
    ----------
    served_run_id
        The run that was served before it.
    told_to
        Id of the last customer of whom all is told; empty: nobody yet.
    """

    run_id: str
    served_run_id: str | None
    told_to: str


class RunSteps:
    """Steps as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def coming(self) -> tuple[str, ...]:
        """Return the ids of runs that are being written, or were when their writer died."""
        wanted = select(RunStepRow.run_id).where(RunStepRow.stage == COMING)
        return tuple(self._session.scalars(wanted))

    def telling(self) -> Telling | None:
        """Return the run of which not all is told; there is at most one."""
        wanted = select(RunStepRow).where(RunStepRow.stage == TELLING)
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else Telling(row.run_id, row.served_run_id, row.told_to or "")

    def begin(self, run_id: str) -> None:
        """Note that a run is coming; its row is there."""
        self._session.execute(insert(RunStepRow), [{"run_id": run_id, "stage": COMING}])

    def serve(self, run_id: str, finished_at: datetime) -> None:
        """Let a run be seen that was coming; its last rows are there."""
        finished = update(RunRow).where(RunRow.run_id == run_id).values(finished_at=finished_at)
        self._session.execute(finished)
        self.end(run_id)

    def told(self, telling: Telling) -> None:
        """Note how far a run is told."""
        self.end(telling.run_id)
        values = {
            "run_id": telling.run_id,
            "stage": TELLING,
            "served_run_id": telling.served_run_id,
            "told_to": telling.told_to,
        }
        self._session.execute(insert(RunStepRow), [values])

    def end(self, run_id: str) -> None:
        """Note that a run is done."""
        self._session.execute(delete(RunStepRow).where(RunStepRow.run_id == run_id))

    def discard(self, run_id: str, limit: int) -> bool:
        """Take away rows of a run that came no further; tell whether all are gone.

        Parameters
        ----------
        limit
            The most grades, or places in lists, to take away now.
        """
        if not Ranks(self._session).discard(run_id, limit):
            return False
        wanted = select(GradeRow.grade_id).where(GradeRow.run_id == run_id).limit(limit)
        ids = self._session.scalars(wanted).all()
        for table in (ExplanationRow, GradeRow):
            self._session.execute(delete(table).where(table.grade_id.in_(ids)))
        if len(ids) == limit:
            return False
        self.end(run_id)
        self._session.execute(delete(RunRow).where(RunRow.run_id == run_id))
        return True
