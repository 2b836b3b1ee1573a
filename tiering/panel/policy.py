"""The panel's rules as data: seats, levels, deadlines, how long a decision holds (#93 to #95)."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from tiering.panel.calendar import WorkCalendar


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(_Frozen):
    """An id with its name in both languages."""

    id: str
    label_en: str = ""
    label_zh: str = ""


class Level(_Frozen):
    """Who decides: the panel first; above it whoever settles what the panel could not.

    Attributes
    ----------
    id, label_en, label_zh
        Name; the level above looks at what this one was at odds about.
    size, quorum
        Votes at most, and at least.
    seats
        Seats that must all be among the voters.
    answer_working_days
        Working days for the answer: from opening at the first level, added at each further one.
    """

    id: str
    label_en: str = ""
    label_zh: str = ""
    size: int = Field(ge=1)
    quorum: int = Field(ge=1)
    seats: tuple[str, ...] = ()
    answer_working_days: int = Field(ge=1)


class Member(_Frozen):
    """Somebody who sits on the panel; ``id`` as the audit trail writes it: ``person:li.wei``."""

    id: str
    seats: tuple[str, ...]


class Observation(_Frozen):
    """Customers who are observed, and what is owed to them (#91).

    Attributes
    ----------
    tiers
        Who stands in one of these is observed: ``scheme:tier``, as ids mean nothing without their
        scheme (X9).
    plan_days
        Calendar days from coming under observation until a recovery plan is recorded.
    reasons
        Codes of which the first contact gives one.
    """

    tiers: tuple[str, ...]
    plan_days: int = Field(ge=1)
    reasons: tuple[Named, ...]

    def watches(self, scheme_id: str, tier_id: str) -> bool:
        """Tell whether who stands in a tier is observed."""
        return f"{scheme_id}:{tier_id}" in self.tiers

    def plan_due_at(self, opened_at: datetime) -> datetime:
        """Return until when a plan is due for who came under observation (naive UTC)."""
        return opened_at + timedelta(days=self.plan_days)


class MoreDays(_Frozen):
    """Days that an installation adds to its calendar, such as a year that was announced since.

    Attributes
    ----------
    known_until, holidays, worked
        As of a calendar; what is said of a day here goes before what the calendar says.
    """

    known_until: date
    holidays: tuple[date, ...] = ()
    worked: tuple[date, ...] = ()


class Calendar(_Frozen):
    """Holidays of a place, until the last day that was published.

    Attributes
    ----------
    known_until
        From the day after it on, only weekends and ``expected`` are known to be free.
    expected
        Days that the law makes free in years whose plan is not announced yet, without the days
        moved to or from them. Those that have come to lie before ``known_until`` count no more.
    """

    id: str
    title_en: str = ""
    title_zh: str = ""
    utc_offset_hours: float = Field(default=0.0, ge=-12, le=14)
    known_until: date
    holidays: tuple[date, ...] = ()
    worked: tuple[date, ...] = ()
    expected: tuple[date, ...] = ()

    @property
    def days(self) -> WorkCalendar:
        """Which days are worked."""
        expected = {day for day in self.expected if day > self.known_until}
        return WorkCalendar(
            frozenset({*self.holidays, *expected}), frozenset(self.worked), self.utc_offset_hours
        )

    def knows(self, instant: datetime) -> bool:
        """Tell whether the days off until an instant (naive UTC) have been announced."""
        return (instant + timedelta(hours=self.utc_offset_hours)).date() <= self.known_until

    def with_days(self, more: MoreDays) -> Calendar:
        """Return the calendar with days added."""
        said = {*more.holidays, *more.worked}
        return self.model_copy(
            update={
                "known_until": max(self.known_until, more.known_until),
                "holidays": tuple(sorted({*self.holidays} - said | {*more.holidays})),
                "worked": tuple(sorted({*self.worked} - said | {*more.worked})),
            }
        )


class PanelPolicy(_Frozen):
    """A versioned policy of reviews; what it must keep: ``tiering/panel/policy_file.py``.

    Attributes
    ----------
    calendar
        Name of a packaged calendar; its days are in ``days_off``.
    spread
        Votes that lie this many tiers apart are a disagreement, whatever the majority.
    decision_days
        Calendar days that a decision holds at most: an override expires then, and until then a
        run that finds nothing new does not ask the panel again.
    appeal_days
        Calendar days within which a decision can be appealed.
    levels
        The panel first.
    members
        Who sits where; empty: whoever may decide says in which seat.
    reasons
        Codes a vote gives one of.
    observation
        Of customers under observation; None: nobody is.
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    calendar: str
    spread: int = Field(ge=1)
    decision_days: int = Field(ge=1)
    appeal_days: int = Field(ge=1)
    levels: tuple[Level, ...]
    seats: tuple[Named, ...]
    members: tuple[Member, ...] = ()
    reasons: tuple[Named, ...]
    days_off: Calendar
    observation: Observation | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of the content, calendar included; the TOML's layout does not matter."""
        content = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def name(self) -> str:
        """``id@version``, as cases carry it."""
        return f"{self.id}@{self.version}"

    def due_at(self, opened_at: datetime) -> datetime:
        """Return until when a case opened at an instant (naive UTC) has to be answered (#95)."""
        return self.days_off.days.after(opened_at, self.levels[0].answer_working_days)

    def extended(self, due_at: datetime, now: datetime, level: int) -> datetime:
        """Return the due date after an escalation to a level (index into ``levels``)."""
        days = self.levels[level].answer_working_days
        return self.days_off.days.after(max(due_at, now), days)

    def holds_until(self, decided_at: datetime, days: int | None = None) -> datetime:
        """Return until when a decision holds: ``days``, or as long as it can."""
        limit = self.decision_days if days is None else min(days, self.decision_days)
        return decided_at + timedelta(days=limit)

    def appealable_until(self, decided_at: datetime) -> datetime:
        """Return until when a decision can be appealed."""
        return decided_at + timedelta(days=self.appeal_days)

    def seats_of(self, person: str) -> tuple[str, ...]:
        """Return the seats somebody may take."""
        if not self.members:
            return tuple(seat.id for seat in self.seats)
        return tuple(s for member in self.members if member.id == person for s in member.seats)
