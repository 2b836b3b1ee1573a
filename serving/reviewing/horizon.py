"""How far the calendar reaches: whether deadlines given now count days off nobody has announced."""

from __future__ import annotations

from datetime import datetime

from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.panel.policy import PanelPolicy


def calendar_fault(policy: PanelPolicy, now: datetime) -> str | None:
    """Return what is wrong with deadlines in working days given at an instant; None: nothing is.

    Looked at is the longest that a review case, a further level or an alert is given.

    Parameters
    ----------
    now
        Naive UTC.
    """
    alerts = packaged_catalogue().alerts
    longest = max(
        *(level.answer_working_days for level in policy.levels),
        *(level.response_working_days or 0 for alert in alerts for level in alert.levels),
    )
    calendar = policy.days_off
    due = calendar.days.after(now, longest)
    if calendar.knows(due):
        return None
    return (
        f"Days off ({calendar.id}) are known until {calendar.known_until}, and deadlines of "
        f"{longest} working days reach {due:%Y-%m-%d}: behind it only weekends and what the law "
        "makes free are left out. Add the year: TIERWISE_DAYS_OFF."
    )
