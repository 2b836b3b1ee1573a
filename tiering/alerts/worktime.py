"""Deadlines: hours run round the clock, working days leave out weekends and holidays."""

from __future__ import annotations

from datetime import datetime, timedelta

from tiering.alerts.catalogue import Level
from tiering.panel.calendar import WorkCalendar


def respond_by(level: Level, raised_at: datetime, days: WorkCalendar) -> datetime:
    """Return until when an alert of a level has to be responded to (naive UTC).

    Parameters
    ----------
    days
        Which days are worked.
    """
    if level.response_hours is not None:
        return raised_at + timedelta(hours=level.response_hours)
    return days.after(raised_at, level.response_working_days or 0)
