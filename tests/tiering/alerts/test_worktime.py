"""Deadlines over nights, weekends and holidays."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.worktime import respond_by

STRATEGIC = packaged_catalogue().alert("order_drop").levels[0]
RED = packaged_catalogue().alert("health").levels[0]
FRIDAY = datetime(2026, 9, 25, 9, 30)


def test_hours_run_through_the_weekend() -> None:
    """#82: 24 hours are 24 hours."""
    assert respond_by(RED, FRIDAY) == datetime(2026, 9, 26, 9, 30)


@pytest.mark.parametrize(
    ("raised", "due"),
    [
        (datetime(2026, 9, 21, 9), datetime(2026, 9, 24, 9)),  # Monday to Thursday
        (FRIDAY, datetime(2026, 9, 30, 9, 30)),
        (datetime(2026, 9, 26, 23), datetime(2026, 9, 30, 23)),  # Saturday
    ],
)
def test_three_working_days(raised: datetime, due: datetime) -> None:
    """#78: the cause analysis is due within 3 working days."""
    assert respond_by(STRATEGIC, raised) == due


def test_national_day_and_the_weekend_worked_for_it() -> None:
    holidays = {date(2026, 10, day) for day in range(1, 8)}
    raised = datetime(2026, 9, 30, 9)  # Wednesday before
    assert respond_by(STRATEGIC, raised, holidays=holidays) == datetime(2026, 10, 12, 9)
    worked = {date(2026, 10, 10)}
    due = respond_by(STRATEGIC, raised, holidays=holidays, worked=worked)
    assert due == datetime(2026, 10, 10, 9)


def test_a_level_made_without_a_deadline_is_due_at_once() -> None:
    bare = STRATEGIC.model_copy(update={"response_working_days": None})
    assert respond_by(bare, FRIDAY) == FRIDAY
