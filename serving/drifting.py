"""The watch over drift: every run is compared with the one before, once it is served (#72)."""

from __future__ import annotations

from datetime import datetime

from serving.audit import record
from serving.domain.drift import DriftReport, report_of
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.store.drift import DriftReports
from serving.store.grades import Grades
from serving.store.session import Database

SAMPLE = 20_000
"""Customers of a run that are compared; an effect that counts shows in far fewer."""


def watch_drift(database: Database, run: Run, now: datetime) -> DriftReport | None:
    """Compare a run with the one before it, keep the report, and record an alarm.

    Returns
    -------
    DriftReport or None
        None where there is no run before, or the run has its report already.
    """
    with database.read() as session:
        reports = DriftReports(session)
        before = Grades(session).run(run.previous_run_id) if run.previous_run_id else None
        if before is None or reports.of(run.run_id) is not None:
            return None
        report = report_of(
            run.run_id,
            before.run_id,
            reports.numbers(before, SAMPLE),
            reports.numbers(run, SAMPLE),
            reports.alarms(),
            now,
        )
    with database.write() as session:
        if DriftReports(session).of(run.run_id) is not None:
            return None  # somebody else has watched meanwhile
        DriftReports(session).add(report)
        if report.alarm:
            payload = {
                "before_run_id": report.before_run_id,
                "p_value": report.p_value,
                "level": report.level,
                "moved": [each.indicator for each in report.moved],
            }
            happening = Happening("drift.found", f"run:{run.run_id}", payload)
            record(session, [happening], at=now, actor="drift-watch")
    return report
