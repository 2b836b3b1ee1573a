"""Reading panel policies and calendars from TOML, and the rules they must keep."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from tiering.errors import Fault, SchemeError
from tiering.panel.calendar import SATURDAY
from tiering.panel.policy import Calendar, Level, MoreDays, Observation, PanelPolicy
from tiering.policy_text import parse_policy
from tiering.texts import blank, labelled, repeated

CALENDARS = ("china",)
"""Calendars of the package."""


@cache
def packaged_panel() -> PanelPolicy:
    """Return the policy of the package."""
    return load_panel("committee")


@cache
def load_panel(path_or_name: str | Path, more_days: Path | None = None) -> PanelPolicy:
    """Read a policy and check it: the packaged one (``committee``) or the path of a TOML file.

    A file is read once in the life of a process.

    Parameters
    ----------
    more_days
        TOML file of days that are added to the policy's calendar.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    if more_days is not None:
        policy = load_panel(path_or_name)
        calendar = policy.days_off.with_days(load_days(more_days))
        return policy.model_copy(update={"days_off": calendar})
    if str(path_or_name) == "committee":
        return parse_panel(_packaged("committee"), origin="committee")
    path = Path(path_or_name)
    if not path.is_file():
        raise SchemeError(
            f"There is no panel policy {str(path_or_name)!r}.",
            hint="Give the path of a TOML file, or the name of the packaged one: committee.",
        )
    return parse_panel(path.read_text("utf-8"), origin=path.name)


def parse_panel(text: str, *, origin: str = "panel") -> PanelPolicy:
    """Read a policy from TOML text and check it; ``origin`` names it in errors.

    The policy names a calendar of the package, or brings its own as the table ``days_off``.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        _with_calendar(text),
        PanelPolicy,
        faults,
        what="Panel policy",
        origin=origin,
        pattern="tiering/panel/committee.toml",
    )


def load_days(path: Path) -> MoreDays:
    """Read days off from a TOML file and check them.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    if not path.is_file():
        raise SchemeError(
            f"There is no file of days off {str(path)!r}.",
            hint="Write known_until, holidays and worked into one; docs/how-to-review-grades.md.",
        )
    return parse_policy(
        path.read_text("utf-8"),
        MoreDays,
        lambda days: _told_apart("", days),
        what="Days off",
        origin=path.name,
        pattern="docs/how-to-review-grades.md",
    )


def faults(policy: PanelPolicy) -> Iterator[Fault]:
    """Yield every fault of a policy.

    Rules: two languages everywhere; seats that levels and members name exist; a quorum fits the
    size and the seats fit the quorum; the first level is two people or more, and above it is
    another (a disagreement has to go somewhere); days off are told apart from days worked; observed
    tiers name their scheme.
    """
    yield from blank("", {"version": policy.version})
    yield from blank("", {"title_en": policy.title_en, "title_zh": policy.title_zh})
    for place in ("levels", "seats", "reasons"):
        entries = getattr(policy, place)
        yield from labelled(place, ((e.id, e.label_en, e.label_zh) for e in entries))
    if len(policy.levels) < 2:
        yield Fault("levels", f"has {len(policy.levels)} entries; a disagreement needs a second.")
    if not policy.reasons:
        yield Fault("reasons", "is empty; a vote gives one.")
    if policy.levels and policy.levels[0].quorum < 2:
        yield Fault("levels[0].quorum", "is 1; nobody decides alone.")
    seats = {seat.id for seat in policy.seats}
    for i, level in enumerate(policy.levels):
        yield from _level(f"levels[{i}]", level, seats)
    yield from repeated("members", "id", (member.id for member in policy.members))
    for i, member in enumerate(policy.members):
        yield from _known(f"members[{i}].seats", member.seats, seats)
    yield from _days(policy.days_off)
    if policy.observation is not None:
        yield from _observation(policy.observation)


def _level(place: str, level: Level, seats: set[str]) -> Iterator[Fault]:
    yield from _known(f"{place}.seats", level.seats, seats)
    if not max(len(level.seats), 1) <= level.quorum <= level.size:
        yield Fault(
            f"{place}.quorum",
            f"is {level.quorum}; it lies between the {len(level.seats)} seats that must vote and "
            f"the size of {level.size}.",
        )


def _known(place: str, named: tuple[str, ...], seats: set[str]) -> Iterator[Fault]:
    yield from repeated(place, "seat", named)
    for name in named:
        if name not in seats:
            yield Fault(place, f"{name!r} is no seat; seats: {', '.join(sorted(seats))}.")


def _days(calendar: Calendar) -> Iterator[Fault]:
    titles = {"title_en": calendar.title_en, "title_zh": calendar.title_zh}
    yield from blank("days_off.", titles)
    yield from _told_apart("days_off.", calendar)


def _observation(observed: Observation) -> Iterator[Fault]:
    place = "observation"
    yield from labelled(
        f"{place}.reasons", ((e.id, e.label_en, e.label_zh) for e in observed.reasons)
    )
    for field in ("tiers", "reasons"):
        if not getattr(observed, field):
            yield Fault(f"{place}.{field}", "is empty.")
    yield from repeated(f"{place}.tiers", "tier", observed.tiers)
    for name in observed.tiers:
        scheme, _, tier = name.partition(":")
        if not (scheme and tier):
            yield Fault(f"{place}.tiers", f"{name!r} is not written scheme:tier.")


def _told_apart(prefix: str, calendar: Calendar | MoreDays) -> Iterator[Fault]:
    for day in calendar.worked:
        if day.weekday() < SATURDAY:
            yield Fault(f"{prefix}worked", f"{day} is no day of a weekend.")
    for day in sorted({*calendar.worked, *calendar.holidays}):
        if day > calendar.known_until:
            told = f"{day} lies behind it ({calendar.known_until})."
            yield Fault(f"{prefix}known_until", told)
        if day in calendar.worked and day in calendar.holidays:
            yield Fault(f"{prefix}worked", f"{day} is worked and free.")


def _with_calendar(text: str) -> str:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text  # told by whoever reads it next
    name = document.get("calendar")
    if "days_off" in document or name not in CALENDARS:
        return text
    return f"{text}\n[days_off]\n{_packaged(f'holidays-{name}')}"


def _packaged(name: str) -> str:
    return (files("tiering") / "panel" / f"{name}.toml").read_text("utf-8")
