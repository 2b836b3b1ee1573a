"""What became of the customers of each side of a canary: the only queries over that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from features.schema import FloatArray
from serving.domain.canary import CanaryPlan
from serving.domain.grade import Run
from serving.store.review_tables import AppealRow, GradeOverrideRow
from serving.store.run_rows import run_of
from serving.store.tables import AlertRow, GradeRow, ReviewCaseRow, RunRow


@dataclass(frozen=True, slots=True, eq=False)
class SideNumbers:
    """The grades of one side of a run, ``n`` customers in the order of their ids.

    Attributes
    ----------
    tier
        ``(n,)`` index of the tier held.
    score, churn_probability, ltv
        ``(n,)``; NaN is unknown.
    referred
        ``(n,)`` bool.
    """

    customer_id: tuple[str, ...]
    tier: npt.NDArray[np.intp]
    score: FloatArray
    churn_probability: FloatArray
    ltv: FloatArray
    referred: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer_id)


class CanarySides:
    """Both sides of a canary as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def runs(self, plan: CanaryPlan) -> tuple[Run, ...]:
        """Return the runs that were graded by a canary too, the oldest first."""
        rows = select(RunRow).where(
            RunRow.finished_at >= plan.started_at, RunRow.canary.is_not(None)
        )
        found = self._session.scalars(rows.order_by(RunRow.finished_at, RunRow.run_id))
        runs = (run_of(row) for row in found)
        return tuple(r for r in runs if r.canary is not None and r.canary.plan_id == plan.plan_id)

    def numbers(self, run: Run) -> Mapping[bool, SideNumbers]:
        """Return the grades of a run by side: False the champion's, True the canary's."""
        wanted = (
            *(GradeRow.customer_id, GradeRow.tier_index, GradeRow.score),
            *(GradeRow.churn_probability, GradeRow.ltv, GradeRow.referred, GradeRow.side),
        )
        rows = select(*wanted).where(GradeRow.run_id == run.run_id).order_by(GradeRow.customer_id)
        of: dict[bool, list[tuple[object, ...]]] = {False: [], True: []}
        for row in self._session.execute(rows.execution_options(yield_per=10_000)):
            of[row.side is not None].append(tuple(row)[:-1])
        return {canary: _numbers(grades) for canary, grades in of.items()}

    def alerted(self, runs: Sequence[Run]) -> set[tuple[str, bool]]:
        """Return for whom runs raised an alert, and by which side's grade."""
        same = and_(
            GradeRow.run_id == AlertRow.run_id, GradeRow.customer_id == AlertRow.customer_id
        )
        return self._seen(
            select(GradeRow.customer_id, GradeRow.side).join(AlertRow, same),
            AlertRow.run_id.in_([run.run_id for run in runs]),
        )

    def overruled(self, runs: Sequence[Run]) -> set[tuple[str, bool]]:
        """Return whose grade of some runs a panel overruled, and which side's grade it was."""
        return self._seen(
            select(GradeRow.customer_id, GradeRow.side).join(
                GradeOverrideRow, GradeOverrideRow.grade_id == GradeRow.grade_id
            ),
            GradeRow.run_id.in_([run.run_id for run in runs]),
        )

    def appealed(self, runs: Sequence[Run]) -> set[tuple[str, bool]]:
        """Return whose grade of some runs was appealed against, and which side's it was."""
        return self._seen(
            select(GradeRow.customer_id, GradeRow.side)
            .join(ReviewCaseRow, ReviewCaseRow.grade_id == GradeRow.grade_id)
            .join(AppealRow, AppealRow.case_id == ReviewCaseRow.case_id),
            GradeRow.run_id.in_([run.run_id for run in runs]),
        )

    def _seen(
        self, wanted: Select[str, str | None], kept: ColumnElement[bool]
    ) -> set[tuple[str, bool]]:
        found = self._session.execute(wanted.where(kept).distinct())
        return {(customer, side is not None) for customer, side in found}


def _numbers(grades: Sequence[tuple[object, ...]]) -> SideNumbers:
    columns = list(zip(*grades, strict=True)) if grades else [()] * 6
    return SideNumbers(
        customer_id=tuple(map(str, columns[0])),
        tier=np.array(columns[1], dtype=np.intp),
        # None becomes NaN in an array of floats.
        score=np.array(columns[2], dtype=np.float64),
        churn_probability=np.array(columns[3], dtype=np.float64),
        ltv=np.array(columns[4], dtype=np.float64),
        referred=np.array(columns[5], dtype=np.bool_),
    )
