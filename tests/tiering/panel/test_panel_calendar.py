"""Working days with holidays: golden due dates of the packaged calendar (#95)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import SchemeError
from tiering.panel.calendar import WorkCalendar
from tiering.panel.policy_file import load_panel, packaged_panel

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


MORE = """
known_until = 2027-12-31
holidays = [2027-01-01, 2027-01-02, 2027-02-09, 2027-02-10, 2027-02-11]
worked = [2027-01-03]
"""


@pytest.fixture
def more(tmp_path: Path) -> Path:
    path = tmp_path / "days-2027.toml"
    path.write_text(MORE, "utf-8")
    return path


def test_a_year_that_is_not_announced_has_the_days_of_the_law() -> None:
    calendar = PANEL.days_off
    assert calendar.known_until < min(calendar.expected)
    assert not calendar.days.is_worked(date(2027, 1, 1))
    assert not calendar.days.is_worked(date(2027, 2, 8))
    assert calendar.days.is_worked(date(2027, 2, 9))  # moved days nobody knows yet
    assert calendar.knows(datetime(2026, 12, 31, 15, 59))
    assert not calendar.knows(datetime(2026, 12, 31, 16, 0)), "the new year comes sooner in China"


def test_a_year_is_added_without_code(more: Path) -> None:
    policy = load_panel("committee", more)
    before, after = PANEL.days_off, policy.days_off
    assert after.known_until == date(2027, 12, 31)
    assert policy.name == PANEL.name
    assert policy.sha256 != PANEL.sha256
    days = after.days
    assert days.is_worked(date(2027, 1, 3)), "a Sunday"
    assert not days.is_worked(date(2027, 2, 10))
    assert days.is_worked(date(2027, 2, 8)), "what was announced goes before what was expected"
    assert days.is_worked(date(2026, 10, 10)), "other years stay"
    assert set(before.holidays) < set(after.holidays)
    opened = datetime(2026, 12, 28, 1)  # Monday; Friday is New Year, Sunday is worked
    assert PANEL.due_at(opened) == datetime(2027, 1, 5, 1)
    assert policy.due_at(opened) == datetime(2027, 1, 4, 1)


def test_a_day_of_a_known_year_can_be_set_right(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text("known_until = 2026-10-31\nholidays = [2026-10-10]\n", "utf-8")
    calendar = load_panel("committee", path).days_off
    assert calendar.known_until == PANEL.days_off.known_until
    assert not calendar.days.is_worked(date(2026, 10, 10))
    other = tmp_path / "other.toml"
    other.write_text("known_until = 2027-01-01\nworked = [2026-10-03]\n", "utf-8")
    assert load_panel("committee", other).days_off.days.is_worked(date(2026, 10, 3))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("known_until = 2027-12-31\nworked = [2027-01-04]", "worked: 2027-01-04 is no day of"),
        (
            "known_until = 2026-12-31\nholidays = [2027-01-01]",
            "known_until: 2027-01-01 lies behind it",
        ),
        (
            "known_until = 2027-12-31\nholidays = [2027-01-03]\nworked = [2027-01-03]",
            "is worked and free",
        ),
        ("holidays = []", "known_until: Field required"),
        ("known_until = ", "not valid TOML"),
    ],
)
def test_faults_of_added_days_are_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "days.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SchemeError, match=told):
        load_panel("committee", path)
    with pytest.raises(SchemeError, match="There is no file of days off"):
        load_panel("committee", tmp_path / "none.toml")
