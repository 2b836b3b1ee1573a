"""Working days with holidays: golden due dates of the packaged calendar (#95)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.panel.calendar import WorkCalendar
from tiering.panel.policy_file import packaged_panel

PANEL = packaged_panel()


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        (datetime(2024, 7, 1, 9, 30), datetime(2024, 7, 8, 9, 30)),  # Monday to Monday
        (datetime(2024, 7, 5, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Friday to Friday
        (datetime(2024, 7, 6, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Saturday: from Monday on
        (datetime(2024, 7, 7, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Sunday likewise
        # Spring Festival 2026: 15 to 23 February free, Saturday 14 and Saturday 28 worked.
        (datetime(2026, 2, 13, 1, 0), datetime(2026, 2, 27, 1, 0)),
        (datetime(2026, 2, 24, 1, 0), datetime(2026, 3, 2, 1, 0)),
        # National day 2025: 1 to 8 October free, Sunday 28 September and Saturday 11 worked.
        (datetime(2025, 9, 26, 1, 0), datetime(2025, 10, 10, 1, 0)),
        (datetime(2025, 9, 30, 1, 0), datetime(2025, 10, 14, 1, 0)),
        # Friday 17:00 UTC is Saturday in China: it counts from Monday on.
        (datetime(2024, 7, 5, 17, 0), datetime(2024, 7, 11, 17, 0)),
    ],
)
def test_an_answer_is_due_five_working_days_later(opened: datetime, due: datetime) -> None:
    assert PANEL.due_at(opened) == due


def test_no_days_are_no_time() -> None:
    assert WorkCalendar().after(datetime(2024, 7, 6), 0) == datetime(2024, 7, 6)
    assert WorkCalendar().after(datetime(2024, 7, 1), 12) == datetime(2024, 7, 17)


def test_the_calendar_moves_weekends_as_announced() -> None:
    days = PANEL.days_off.days
    assert not days.is_worked(date(2026, 10, 1))
    assert days.is_worked(date(2026, 10, 10))  # a Saturday
    assert not days.is_worked(date(2026, 10, 11))
    assert days.is_worked(date(2026, 10, 9))


@given(opened=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 1)), days=st.integers(0, 15))
def test_due_dates_are_what_counting_days_gives(opened: datetime, days: int) -> None:
    """Between an instant and its due date lie exactly that many days worked."""
    calendar = PANEL.days_off.days
    due = calendar.after(opened, days)
    local, last = (at + timedelta(hours=8) for at in (opened, due))
    between = (local.date() + timedelta(days=n + 1) for n in range((last - local).days))
    assert sum(map(calendar.is_worked, between)) == days
    assert days == 0 or calendar.is_worked(last.date())
    assert calendar.after(opened + timedelta(minutes=1), days) >= due
