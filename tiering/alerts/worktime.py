"""Deadlines: hours run round the clock, working days leave out weekends and holidays."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from tiering.alerts.catalogue import Level
from tiering.panel.calendar import WorkCalendar


def respond_by(
    level: Level,
    raised_at: datetime,
    *,
    holidays: Collection[date] = (),
    worked: Collection[date] = (),
) -> datetime:
    """Return until when an alert of a level has to be responded to.

    Parameters
    ----------
    holidays
        Days off beside weekends.
    worked
        Weekend days that are worked, as China moves some for its long holidays.
    """
    if level.response_hours is not None:
        return raised_at + timedelta(hours=level.response_hours)
    return WorkCalendar(holidays, worked).after(raised_at, level.response_working_days or 0)
