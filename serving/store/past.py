"""A customer's grades over the runs: the only queries over them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from serving.domain.grade import Grade, Run
from serving.store.grades import Grades
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.rows import grade_of
from serving.store.steps import IN_FINISHED
from serving.store.tables import GradeRow, RunRow


class Past:
    """Grades of one customer as of a session."""

    def __init__(self, session: Session, customer_id: str) -> None:
        self._session = session
        self._grades = Grades(session)
        self._customer = customer_id

    def on(self, day: date) -> Grade | None:
        """Return the grade that stood at the end of a day: of the last run of that day's data
        or of earlier ones, the one finished last."""
        row = self._session.scalars(
            select(GradeRow)
            .join(RunRow, RunRow.run_id == GradeRow.run_id)
            .where(GradeRow.customer_id == self._customer, RunRow.as_of <= day, IN_FINISHED)
            .order_by(RunRow.as_of.desc(), RunRow.finished_at.desc(), RunRow.run_id.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else grade_of(row, self._run(row.run_id))

    def first_day(self) -> date | None:
        """Return the day of the first grade; None without any."""
        return self._session.scalar(
            select(func.min(RunRow.as_of))
            .join(GradeRow, RunRow.run_id == GradeRow.run_id)
            .where(GradeRow.customer_id == self._customer, IN_FINISHED)
        )

    def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[tuple[Run, Grade]]:
        """Return grades with their runs, the run that finished last first.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        own = GradeRow.customer_id == self._customer
        rows = select(GradeRow).join(RunRow, RunRow.run_id == GradeRow.run_id)
        rows = rows.where(own, IN_FINISHED)
        total = self._session.scalar(rows.with_only_columns(func.count())) or 0
        if cursor is not None:
            at, run_id = _decode(cursor)
            rows = rows.where(
                or_(
                    RunRow.finished_at < at,
                    and_(RunRow.finished_at == at, RunRow.run_id < run_id),
                )
            )
        newest = rows.order_by(RunRow.finished_at.desc(), RunRow.run_id.desc())
        found = self._session.scalars(newest.limit(limit + 1)).all()
        items = [(run := self._run(row.run_id), grade_of(row, run)) for row in found[:limit]]
        last = items[-1][0] if len(found) > limit else None
        return Page(
            items=tuple(items),
            total=total,
            cursor=None
            if last is None
            else encode_cursor(last.finished_at.isoformat(), last.run_id),
        )

    def _run(self, run_id: str) -> Run:
        run = self._grades.run(run_id)
        assert run is not None  # A grade belongs to a run.
        return run


def _decode(cursor: str) -> tuple[datetime, str]:
    at, run_id = decode_cursor(cursor, (str, str))
    return instant_of(str(at)), str(run_id)
