"""What every policy file must keep of its ids and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tiering.errors import Fault

WORDS_JOINED_BY_UNDERSCORE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def blank(place: str, texts: Mapping[str, str]) -> Iterator[Fault]:
    """Yield a fault for each text that is empty; ``place`` ends with a dot or is empty."""
    for key, text in texts.items():
        if not text.strip():
            yield Fault(f"{place}{key}", "is missing; a scheme speaks English and Chinese.")


def repeated(place: str, what: str, entries: Iterable[str]) -> Iterator[Fault]:
    """Yield a fault for each entry that stands a second time."""
    seen: set[str] = set()
    for entry in entries:
        if entry in seen:
            yield Fault(place, f"{what} {entry!r} stands twice.")
        seen.add(entry)


def labelled(place: str, entries: Iterable[tuple[str, str, str]]) -> Iterator[Fault]:
    """Yield the faults of entries with id, English and Chinese label: the form of ids, texts
    in both languages, and nothing twice."""
    listed = list(entries)
    for i, (name, label_en, label_zh) in enumerate(listed):
        if not WORDS_JOINED_BY_UNDERSCORE.fullmatch(name):
            yield Fault(f"{place}[{i}].id", f"{name!r} must be lower-case words joined by '_'.")
        yield from blank(f"{place}[{i}].", {"label_en": label_en, "label_zh": label_zh})
    for column, key in enumerate(("id", "label_en", "label_zh")):
        texts = [entry[column] for entry in listed]
        yield from repeated(place, key, [text for text in texts if text.strip()])
