"""Reports of drift, and the numbers they are made from: the only queries over them."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from random import Random
from typing import Any

import numpy as np
from sqlalchemy import JSON, ForeignKey, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from features.schema import FloatArray
from serving.domain.drift import DriftReport
from serving.domain.grade import Run
from serving.store.numbers import UNKNOWN, unpack
from serving.store.tables import GradeRow, RunRow, Table
from tiering.population.drift import Drift

_NUMBERS = ("psi", "noise", "p_value", "q_value", "shift")


class DriftRow(Table):
    """What moved between a run and the one before."""

    __tablename__ = "drift_report"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"), primary_key=True)
    before_run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    at: Mapped[datetime]
    customers_before: Mapped[int]
    customers_after: Mapped[int]
    p_value: Mapped[float]
    level: Mapped[float]
    alarm: Mapped[bool]
    found: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class DriftReports:
    """Reports as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, report: DriftReport) -> None:
        """Add a report."""
        values = asdict(report)
        values["found"] = [_plain(each) for each in report.found]
        self._session.execute(insert(DriftRow), [values])

    def of(self, run_id: str) -> DriftReport | None:
        """Return the report of a run."""
        row = self._session.get(DriftRow, run_id)
        return None if row is None else _report(row)

    def latest(self, limit: int) -> tuple[DriftReport, ...]:
        """Return reports, the newest run first."""
        rows = select(DriftRow).join(RunRow, RunRow.run_id == DriftRow.run_id)
        newest = rows.order_by(RunRow.finished_at.desc(), RunRow.run_id.desc()).limit(limit)
        return tuple(_report(row) for row in self._session.scalars(newest))

    def alarms(self) -> tuple[bool, ...]:
        """Return whether each report raised an alarm, oldest first."""
        rows = select(DriftRow.alarm).join(RunRow, RunRow.run_id == DriftRow.run_id)
        return tuple(self._session.scalars(rows.order_by(RunRow.finished_at, RunRow.run_id)))

    def numbers(self, run: Run, most: int) -> dict[str, FloatArray]:
        """Return indicators, score and predictions of up to ``most`` customers of a run.

        Where there are more, they are drawn, always the same of a run.
        """
        columns = (
            GradeRow.side,
            GradeRow.indicators,
            GradeRow.score,
            GradeRow.churn_probability,
            GradeRow.ltv,
        )
        wanted = select(*columns).where(GradeRow.run_id == run.run_id)
        if run.customers > most:
            wanted = wanted.where(GradeRow.customer_id.in_(self._drawn(run, most)))
        rows = self._session.execute(wanted.order_by(GradeRow.customer_id)).all()
        sides = (run,) if run.canary is None else (run, run.canary)
        names = tuple(dict.fromkeys(name for side in sides for name in side.columns))
        place = {name: column for column, name in enumerate(names)}
        # Each side measured what its own model looks at; the rest is unknown of it.
        table = np.full((len(rows), len(names)), np.nan)
        where = {side.basis.canary: [place[name] for name in side.columns] for side in sides}
        for number, row in enumerate(rows):
            own = where[run.graded_by(row.side).basis.canary]
            table[number, own] = unpack(row.indicators, len(own), UNKNOWN)
        more = np.array([[_known(x) for x in row[2:]] for row in rows]).reshape(-1, 3)
        named = dict(zip(("score", "churn_probability", "ltv"), more.T, strict=True))
        return {**dict(zip(names, table.T, strict=True)), **named}

    def _drawn(self, run: Run, most: int) -> list[str]:
        places = sorted(Random(run.run_id).sample(range(run.customers), most), reverse=True)
        wanted = select(GradeRow.customer_id).where(GradeRow.run_id == run.run_id)
        ordered = wanted.order_by(GradeRow.customer_id).execution_options(yield_per=10_000)
        drawn: list[str] = []
        with self._session.scalars(ordered) as found:
            for place, customer in enumerate(found):
                if places and place == places[-1]:
                    drawn.append(customer)
                    places.pop()
        return drawn


def _known(number: float | None) -> float:
    return math.nan if number is None else number


def _plain(drift: Drift) -> dict[str, object]:
    told = asdict(drift)
    return told | {name: None if math.isnan(told[name]) else told[name] for name in _NUMBERS}


def _report(row: DriftRow) -> DriftReport:
    return DriftReport(
        run_id=row.run_id,
        before_run_id=row.before_run_id,
        at=row.at,
        customers_before=row.customers_before,
        customers_after=row.customers_after,
        p_value=row.p_value,
        level=row.level,
        alarm=row.alarm,
        found=tuple(
            Drift(**{**each, **{name: _known(each[name]) for name in _NUMBERS}})
            for each in row.found
        ),
    )
