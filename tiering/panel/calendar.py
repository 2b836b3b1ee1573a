"""Working days: weekends and holidays are left out, weekend days that are worked count."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked.

    Attributes
    ----------
    holidays
        Days off beside weekends.
    worked
        Weekend days that are worked, as China moves some for its long holidays.
    utc_offset_hours
        Clock of the place whose days these are, against UTC.
    """

    holidays: Collection[date] = frozenset()
    worked: Collection[date] = frozenset()
    utc_offset_hours: float = 0.0

    def is_worked(self, day: date) -> bool:
        """Tell whether people work on a day."""
        return day in self.worked or (day.weekday() < SATURDAY and day not in self.holidays)

    def after(self, instant: datetime, days: int) -> datetime:
        """Return the same time of day, ``days`` working days after an instant (naive UTC)."""
        offset = timedelta(hours=self.utc_offset_hours)
        due = instant + offset
        remaining = days
        while remaining > 0:
            due += timedelta(days=1)
            if self.is_worked(due.date()):
                remaining -= 1
        return due - offset
