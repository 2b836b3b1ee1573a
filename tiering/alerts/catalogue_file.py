"""Reading alert catalogues from TOML, and the rules they must keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter

from features.schema import CATALOGUE, PREDICTIONS
from tiering.alerts.catalogue import HEALTH, SEVERITIES, Alert, AlertCatalogue, Level
from tiering.condition import parse_condition
from tiering.errors import Fault, PolicyError, SchemeError
from tiering.policy_text import parse_policy

TWELVE = 12
"""Alerts of a catalogue (#80, X7): a number that people can know by heart."""

_ID = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_ROWS = re.compile(r"(#\d+|X\d+)(, (#\d+|X\d+))*")
_TIER = re.compile(r"[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*")


@cache
def packaged_catalogue() -> AlertCatalogue:
    """Return the catalogue of the package."""
    text = (files("tiering.alerts") / "twelve.toml").read_text("utf-8")
    return parse_catalogue(text, origin="twelve")


def load_catalogue(path: str | Path) -> AlertCatalogue:
    """Read a catalogue from a TOML file and check it.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    place = Path(path)
    if not place.is_file():
        raise SchemeError(
            f"There is no alert catalogue {str(path)!r}.", hint="Give the path of a TOML file."
        )
    return parse_catalogue(place.read_text("utf-8"), origin=place.name)


def parse_catalogue(text: str, *, origin: str = "alerts") -> AlertCatalogue:
    """Read a catalogue from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        AlertCatalogue,
        faults,
        what="Alert catalogue",
        origin=origin,
        pattern="tiering/alerts/twelve.toml",
    )


def faults(catalogue: AlertCatalogue) -> Iterator[Fault]:
    """Yield every fault of a catalogue.

    Rules: twelve alerts, told apart in both languages; each names its requirement and has
    texts in both; levels stand the gravest first, ask for what exists, for nothing to be
    missing (missing data are told as such), and name roles that are there and one deadline.
    """
    if not _ID.fullmatch(catalogue.id):
        yield Fault("id", f"{catalogue.id!r} must be lower-case words joined by '-'.")
    texts = {
        "version": catalogue.version,
        "title_en": catalogue.title_en,
        "title_zh": catalogue.title_zh,
    }
    yield from _missing("", texts)
    if catalogue.quiet_days < 0:
        yield Fault("quiet_days", f"{catalogue.quiet_days} must not be below 0.")
    if catalogue.live_limit < 1:
        yield Fault("live_limit", f"{catalogue.live_limit} must be at least 1.")
    for table, entries in (("roles", catalogue.roles), ("measures", catalogue.measures)):
        if not entries:
            yield Fault(table, "is empty.")
        for key, entry in entries.items():
            if not _ID.fullmatch(key):
                yield Fault(f"{table}.{key}", "must be lower-case words joined by '_'.")
            labels = {"label_en": entry.label_en, "label_zh": entry.label_zh}
            yield from _missing(f"{table}.{key}.", labels)
    if len(catalogue.alerts) != TWELVE:
        yield Fault("alerts", f"has {len(catalogue.alerts)} entries, not {TWELVE} (X7).")
    for key in ("id", "label_en", "label_zh"):
        yield from _repeated(f"alerts.{key}", (getattr(a, key) for a in catalogue.alerts))
    for alert in catalogue.alerts:
        yield from _alert(alert, catalogue)


def _alert(alert: Alert, catalogue: AlertCatalogue) -> Iterator[Fault]:
    place = f"alerts.{alert.id}"
    if not _ID.fullmatch(alert.id):
        yield Fault(f"{place}.id", "must be lower-case words joined by '_'.")
    texts = ("label_en", "label_zh", "text_en", "text_zh", "playbook_en", "playbook_zh")
    yield from _missing(f"{place}.", {key: getattr(alert, key) for key in texts})
    if not _ROWS.fullmatch(alert.requirement):
        yield Fault(f"{place}.requirement", "must name rows of the requirements: '#76, X4'.")
    for key in ("text_en", "text_zh"):
        yield from _template(f"{place}.{key}", getattr(alert, key))
    if not alert.levels:
        yield Fault(f"{place}.levels", "is missing; an alert needs one.")
    severities = [SEVERITIES.index(level.severity) for level in alert.levels]
    if severities != sorted(severities, reverse=True):
        yield Fault(f"{place}.levels", "must stand the gravest first: red, orange, yellow.")
    for number, level in enumerate(alert.levels):
        yield from _level(f"{place}.levels[{number}]", level, catalogue)


def _level(place: str, level: Level, catalogue: AlertCatalogue) -> Iterator[Fault]:
    for key in ("owner", "escalates_to"):
        if (role := getattr(level, key)) not in catalogue.roles:
            yield Fault(f"{place}.{key}", f"{role!r} is not one of the roles.")
    given = [time for time in (level.response_hours, level.response_working_days) if time]
    if len(given) != 1 or given[0] <= 0:
        yield Fault(
            place, "needs response_hours or response_working_days, one of them and above 0."
        )
    if level.top_tiers is not None and level.top_tiers < 1:
        yield Fault(f"{place}.top_tiers", f"{level.top_tiers} must be at least 1.")
    if level.top_tiers is not None and level.tiers:
        yield Fault(place, "has both top_tiers and tiers; choose one.")
    for tier in level.tiers:
        if not _TIER.fullmatch(tier):
            yield Fault(f"{place}.tiers", f"{tier!r} must be written 'scheme:tier' (X9).")
    if not level.when or not all(level.when):
        yield Fault(f"{place}.when", "has no condition, or an alternative without any.")
    for every in level.when:
        for text in every:
            yield from _condition(f"{place}.when", text)


def _condition(place: str, text: str) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    if not _exists(condition.indicator):
        yield Fault(place, f"{condition.indicator!r} is not in the catalogue.")
    if condition.sign == "unknown":
        yield Fault(place, f"{text!r}: missing data make an alert not measurable; they raise none.")


def _template(place: str, text: str) -> Iterator[Fault]:
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        yield Fault(place, f"cannot be read: {error}.")
        return
    for name in names:
        if not _exists(name):
            yield Fault(place, f"{{{name}}} is not in the catalogue.")


def _exists(name: str) -> bool:
    return name in CATALOGUE or name in PREDICTIONS or name == HEALTH


def _missing(place: str, texts: dict[str, str]) -> Iterator[Fault]:
    yield from (Fault(f"{place}{key}", "is missing.") for key, t in texts.items() if not t.strip())


def _repeated(place: str, texts: Iterable[str]) -> Iterator[Fault]:
    for text, count in Counter(texts).items():
        if count > 1 and text.strip():
            yield Fault(place, f"{text!r} stands {count} times.")
