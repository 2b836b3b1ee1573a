"""Canaries and their reports: the only queries over them."""

from __future__ import annotations

from dataclasses import asdict, fields

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serving.domain.canary import CanaryEnding, CanaryPlan, CanaryReport
from serving.errors import ConflictError
from serving.store.canary_tables import CanaryPlanRow, CanaryReportRow

_PLAN = tuple(field.name for field in fields(CanaryPlan))


class Canaries:
    """Canaries as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def standing(self, *, locked: bool = False) -> CanaryPlan | None:
        """Return the canary that has not ended.

        Parameters
        ----------
        locked
            Nobody changes or ends it until this transaction is over.
        """
        wanted = select(CanaryPlanRow).where(CanaryPlanRow.standing.is_(True))
        wanted = wanted.execution_options(populate_existing=True)
        row = self._session.scalars(wanted.with_for_update() if locked else wanted).one_or_none()
        return None if row is None else _plan(row)

    def last(self) -> CanaryPlan | None:
        """Return the one that stands, else the one that was started last."""
        newest = (CanaryPlanRow.started_at.desc(), CanaryPlanRow.plan_id)
        rows = select(CanaryPlanRow).order_by(CanaryPlanRow.standing.is_(None), *newest).limit(1)
        row = self._session.scalars(rows).one_or_none()
        return None if row is None else _plan(row)

    def add(self, plan: CanaryPlan) -> None:
        """Add a canary that stands.

        Raises
        ------
        ConflictError
            If somebody else's stands by now.
        """
        try:
            self._session.execute(insert(CanaryPlanRow), [asdict(plan) | {"standing": True}])
        except IntegrityError as error:
            raise ConflictError("A canary of somebody else stands by now.") from error

    def replace(self, plan: CanaryPlan) -> None:
        """Write another share of a canary, or its end."""
        values = asdict(plan) | {"standing": None if plan.ending else True}
        self._session.execute(update(CanaryPlanRow), [values])

    def report(self, plan_id: str) -> CanaryReport | None:
        """Return how both sides of a canary compared when it was last looked at."""
        row = self._session.get(CanaryReportRow, plan_id)
        if row is None:
            return None
        return CanaryReport(row.plan_id, row.run_id, row.made_at, row.comparison)

    def keep(self, report: CanaryReport) -> None:
        """Keep a report in the place of the one before."""
        gone = delete(CanaryReportRow).where(CanaryReportRow.plan_id == report.plan_id)
        self._session.execute(gone)
        self._session.execute(insert(CanaryReportRow), [asdict(report)])


def _plan(row: CanaryPlanRow) -> CanaryPlan:
    values = {name: getattr(row, name) for name in _PLAN}
    return CanaryPlan(
        **{**values, "ending": None if row.ending is None else CanaryEnding(row.ending)}
    )
