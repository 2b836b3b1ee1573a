"""Runs, grades and explanations: the only queries over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from serving.domain.evidence import Evidence, account
from serving.domain.grade import Explanation, Grade, LayoutEntry, Run
from serving.domain.tenure import HeldBefore
from serving.store.known_runs import KnownRuns
from serving.store.loading import Row, load
from serving.store.overrides import standing_in
from serving.store.paging import Page, decode_cursor, encode_cursor
from serving.store.ranks import Narrowed, Ranks, in_places
from serving.store.rows import (
    EVIDENCE_COLUMNS,
    GRADE_COLUMNS,
    evidence_of,
    grade_of,
)
from serving.store.run_rows import run_of, run_values
from serving.store.steps import FINISHED, IN_FINISHED
from serving.store.tables import ExplanationRow, GradeRow, RunRow

_NEWEST = (RunRow.finished_at.desc(), RunRow.run_id.desc())

# What every request for one customer asks: made once, and rows instead of objects of the mapper.
_RUNS, _GRADES = RunRow.__table__.c, GradeRow.__table__.c
_SERVED = select(_RUNS.run_id).where(FINISHED).order_by(*_NEWEST).limit(1)
_GRADE = select(*_GRADES).where(
    _GRADES.run_id == bindparam("run"), _GRADES.customer_id == bindparam("customer")
)
_EVIDENCE = select(*ExplanationRow.__table__.c).where(
    ExplanationRow.__table__.c.grade_id == bindparam("grade")
)


class Grades:
    """Grades as of a session; reads what is served, writes a finished run.

    The run that is served is the one that finished last.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    # Reading -----------------------------------------------------------------------

    def current_run(self) -> Run | None:
        """Return the run that is served, None before the first one."""
        run_id = self._session.connection().scalar(_SERVED)
        return None if run_id is None else self._known(run_id)

    def run(self, run_id: str) -> Run | None:
        """Return a finished run."""
        wanted = select(RunRow.run_id).where(RunRow.run_id == run_id, FINISHED)
        found = self._session.scalar(wanted)
        return None if found is None else self._known(run_id)

    def runs(self, limit: int = 20) -> tuple[Run, ...]:
        """Return finished runs, newest first."""
        newest = select(RunRow).where(FINISHED).order_by(*_NEWEST)
        return tuple(run_of(row) for row in self._session.scalars(newest.limit(limit)))

    def of(self, customer_id: str, run: Run) -> Grade | None:
        """Return a customer's grade in a run."""
        wanted = {"run": run.run_id, "customer": customer_id}
        row: Any = self._session.connection().execute(_GRADE, wanted).one_or_none()
        return None if row is None else grade_of(row, run)

    def among(self, customer_ids: Sequence[str], run: Run) -> dict[str, Grade]:
        """Return the grades of some customers (a page of them) in a run, by customer id."""
        rows = select(GradeRow).where(
            GradeRow.run_id == run.run_id, GradeRow.customer_id.in_(customer_ids)
        )
        return {row.customer_id: grade_of(row, run) for row in self._session.scalars(rows)}

    def history(self, customer_id: str, limit: int = 24) -> tuple[Grade, ...]:
        """Return a customer's grades over the runs, newest run first."""
        joined = (
            select(GradeRow)
            .join(RunRow, RunRow.run_id == GradeRow.run_id)
            .where(GradeRow.customer_id == customer_id, IN_FINISHED)
            .order_by(*_NEWEST)
            .limit(limit)
        )
        rows = self._session.scalars(joined)
        return tuple(grade_of(row, self._known(row.run_id)) for row in rows)

    def page(
        self,
        run: Run,
        *,
        tier_id: str | None = None,
        stage: str | None = None,
        referred: bool | None = None,
        prefix: str = "",
        scores: tuple[float | None, float | None] = (None, None),
        limit: int = 50,
        cursor: str | None = None,
        now: datetime | None = None,
    ) -> Page[Grade]:
        """Return grades of a run, best score first, ties by customer id.

        Parameters
        ----------
        tier_id, stage, referred
            Keep only these; a tier or a stage the run does not have keeps nothing.
        prefix
            Keep only customers whose id starts with it.
        scores
            Keep only scores from the first (inclusive) to below the second; None: no border.
        cursor
            From the page before (of the same filters).
        now
            Tiers as panels overruled them at this instant; as the run gave them by default.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        narrowed = Narrowed(
            tier_index=_index(run, tier_id) if now is None else None,
            stage=stage,
            referred=referred,
            prefix=prefix,
            scores=scores,
        )
        kept = narrowed.clauses(run.run_id)
        if now is not None and tier_id is not None:
            kept.append(standing_in(self._session, run, tier_id, now))
        after = None
        if cursor is not None:
            _, score, customer_id = decode_cursor(cursor, (str, float, str))
            after = float(score), str(customer_id)
        ranks = Ranks(self._session)
        customers = ranks.customers(kept, limit + 1, after=after)
        found = self.among(customers[:limit], run)
        items = in_places(customers[:limit], found)
        more = len(customers) > limit
        return Page(
            items=items,
            # Of all of a run, it says itself how many there are.
            total=run.customers if len(kept) == 1 else ranks.count(kept),
            cursor=encode_cursor(run.run_id, items[-1].score, items[-1].customer_id)
            if more
            else None,
        )

    def scores(self, run: Run) -> tuple[tuple[int, float], ...]:
        """Return ``(tier index, score)`` of every customer of a run, best first."""
        return Ranks(self._session).scores(run.run_id)

    def one(self, grade_id: str) -> tuple[Run, Grade] | None:
        """Return a grade and its run by the grade's id."""
        row = self._session.get(GradeRow, grade_id)
        run = None if row is None else self.run(row.run_id)
        return None if row is None or run is None else (run, grade_of(row, run))

    def sides_among(self, run: Run, grade_ids: Sequence[str]) -> set[bool]:
        """Return whether the champion (False) and the canary (True) gave any of some grades."""
        found: set[bool] = set()
        for start in range(0, len(grade_ids), 500):
            wanted = (
                select(GradeRow.side)
                .where(
                    GradeRow.run_id == run.run_id,
                    GradeRow.grade_id.in_(grade_ids[start : start + 500]),
                )
                .distinct()
            )
            found |= {run.graded_by(side).basis.canary for side in self._session.scalars(wanted)}
        return found

    def with_evidence(self, run: Run, only: str | None = None) -> Iterator[tuple[Grade, Evidence]]:
        """Yield the grades of a run with the evidence for their explanations, by customer.

        Parameters
        ----------
        only
            Id of the one grade to yield; all by default.
        """
        wanted = (
            select(GradeRow, ExplanationRow)
            .join(ExplanationRow, ExplanationRow.grade_id == GradeRow.grade_id)
            .where(GradeRow.run_id == run.run_id)
            .order_by(GradeRow.customer_id)
        )
        if only is not None:
            wanted = wanted.where(GradeRow.grade_id == only)
        with self._session.execute(wanted.execution_options(yield_per=1_000)) as found:
            for grade, explanation in found:
                layout = run.graded_by(grade.side).layout
                yield grade_of(grade, run), evidence_of(explanation, layout)

    def run_before(self, day: date) -> Run | None:
        """Return the last run of an earlier day."""
        latest = (RunRow.as_of.desc(), RunRow.finished_at.desc(), RunRow.run_id.desc())
        before = select(RunRow.run_id).where(RunRow.as_of < day, FINISHED).order_by(*latest)
        run_id = self._session.scalars(before.limit(1)).one_or_none()
        return None if run_id is None else self._known(run_id)

    def held_in(self, run_id: str | None, customers: Sequence[str] | None = None) -> HeldBefore:
        """Return the tiers that a run left to its customers; of no run, nobody's.

        Parameters
        ----------
        customers
            Only of these; all by default.
        """
        if run_id is None:
            return HeldBefore()
        basis = self._known(run_id).basis
        keys = [f"{basis.scheme_id}/{tier.id}" for tier in basis.tiers]
        wanted = select(
            GradeRow.customer_id, GradeRow.tier_index, GradeRow.tier_since, GradeRow.pending_since
        ).where(GradeRow.run_id == run_id)
        if customers is not None:
            wanted = wanted.where(GradeRow.customer_id.in_(customers))
        return HeldBefore(
            run_id,
            {
                customer: (keys[index], since, pending)
                for customer, index, since, pending in self._session.execute(wanted)
            },
        )

    def explanation(self, grade: Grade) -> Explanation | None:
        """Return why a stored grade came out as it did."""
        evidence = self.evidence(grade)
        return None if evidence is None else account(grade, evidence, self._layout(grade))

    def evidence(self, grade: Grade) -> Evidence | None:
        """Return the numbers of a stored grade's explanation, in the layout of its run."""
        wanted = {"grade": grade.grade_id}
        row: Any = self._session.connection().execute(_EVIDENCE, wanted).one_or_none()
        return None if row is None else evidence_of(row, self._layout(grade))

    def _layout(self, grade: Grade) -> tuple[LayoutEntry, ...]:
        return self._known(str(grade.basis.run_id)).rests(grade).layout

    def _known(self, run_id: str) -> Run:
        runs: KnownRuns = self._session.info.setdefault("runs", KnownRuns())
        return runs.get(run_id, lambda: run_of(self._session.get_one(RunRow, run_id)))

    # Writing -----------------------------------------------------------------------

    def add_run(self, run: Run) -> None:
        """Add a finished run (its grades follow in the same transaction)."""
        self._session.execute(insert(RunRow), [run_values(run)])

    def load(self, grades: Sequence[Row], explanations: Sequence[Row]) -> None:
        """Add grades of a run and their explanations, as ``serving.store.rows`` makes them.

        Their places in lists are apart (``serving.store.ranks``).
        """
        load(self._session, GradeRow.__tablename__, GRADE_COLUMNS, grades)
        load(self._session, ExplanationRow.__tablename__, EVIDENCE_COLUMNS, explanations)


def run_of_cursor(cursor: str) -> str:
    """Return the id of the run a grade list was started on, so that its pages stay on it.

    Raises
    ------
    InvalidRequestError
        If the cursor is not one of the grade list.
    """
    return str(decode_cursor(cursor, (str, float, str))[0])


def _index(run: Run, tier_id: str | None) -> int | None:
    if tier_id is None:
        return None
    return next((tier.index for tier in run.basis.tiers if tier.id == tier_id), -1)
