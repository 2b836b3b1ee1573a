"""Deadlines over nights, weekends and holidays."""

from __future__ import annotations

from datetime import datetime

import pytest

from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.worktime import respond_by
from tiering.panel.calendar import WorkCalendar
from tiering.panel.policy_file import packaged_panel

STRATEGIC = packaged_catalogue().alert("order_drop").levels[0]
RED = packaged_catalogue().alert("health").levels[0]
FRIDAY = datetime(2026, 9, 18, 9, 30)
PLAIN = WorkCalendar()
CHINA = packaged_panel().days_off.days


def test_hours_run_through_the_weekend() -> None:
    """#82: 24 hours are 24 hours."""
    assert respond_by(RED, FRIDAY, CHINA) == datetime(2026, 9, 19, 9, 30)


@pytest.mark.parametrize(
    ("raised", "due"),
    [
        (datetime(2026, 9, 14, 9), datetime(2026, 9, 17, 9)),  # Monday to Thursday
        (FRIDAY, datetime(2026, 9, 23, 9, 30)),
        (datetime(2026, 9, 19, 23), datetime(2026, 9, 23, 23)),  # Saturday
    ],
)
def test_three_working_days(raised: datetime, due: datetime) -> None:
    """#78: the cause analysis is due within 3 working days."""
    assert respond_by(STRATEGIC, raised, PLAIN) == due


def test_national_day_and_the_weekend_worked_for_it() -> None:
    raised = datetime(2026, 9, 30, 9)  # Wednesday before; Saturday 10 October is worked
    assert respond_by(STRATEGIC, raised, PLAIN) == datetime(2026, 10, 5, 9)
    assert respond_by(STRATEGIC, raised, CHINA) == datetime(2026, 10, 10, 9)


def test_a_level_made_without_a_deadline_is_due_at_once() -> None:
    bare = STRATEGIC.model_copy(update={"response_working_days": None})
    assert respond_by(bare, FRIDAY, CHINA) == FRIDAY
