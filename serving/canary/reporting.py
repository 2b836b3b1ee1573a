"""Making the report of a canary: what the store and the published outcomes know, kept as one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from serving.canary.comparison import Sides, Trial, compare
from serving.canary.outcomes import Realised, realised
from serving.domain.canary import CanaryPlan, CanaryReport
from serving.domain.grade import Run
from serving.store.canaries import Canaries
from serving.store.canary_sides import CanarySides
from serving.store.session import Database, Session


def make_report(
    database: Database, plan: CanaryPlan, published: Path, now: datetime
) -> CanaryReport | None:
    """Compare both sides of a canary as of now, and keep the report for whoever asks.

    Parameters
    ----------
    published
        Folder of published snapshots; outcomes may be among them.

    Returns
    -------
    CanaryReport or None
        None before the first run that it graded.
    """
    with database.read() as session:
        found = CanarySides(session)
        runs = found.runs(plan)
        if not runs:
            return None
        basis = runs[-1].basis
        churn = realised(published, runs, basis.churn_horizon_days)
        value = realised(published, runs, basis.ltv_horizon_days)
        trial = Trial(
            plan=plan,
            runs=runs,
            sides=found.numbers(runs[-1]),
            alerted=found.alerted(runs),
            overruled=found.overruled(runs),
            appealed=found.appealed(runs),
            churn=_with_grades(session, churn),
            value=_with_grades(session, value),
        )
    report = CanaryReport(plan.plan_id, runs[-1].run_id, now, compare(trial))
    with database.write() as session:
        Canaries(session).keep(report)
    return report


def _with_grades(session: Session, found: Realised | None) -> tuple[Realised, Sides] | None:
    if found is None:
        return None
    run: Run = found.run
    return found, CanarySides(session).numbers(run)
