"""Lines of JSON that each carry the SHA-256 of the line before, so that no edit goes unseen.

A line's own digest covers its text and thereby, through the digest it carries, every line
before it. Files begun before lines were chained are read as well: the first chained line
seals all the unchained text above it, and no unchained line may follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import RegistryError

LINK = "previous_sha256"
"""Field that holds the digest of what stands above a line."""

_RESTORE = "The history of champions was changed: restore the file from a backup."


@dataclass(frozen=True, slots=True)
class ChainedLine:
    """One line: its fields without the link, and its own SHA-256, hex."""

    fields: Mapping[str, Any]
    sha256: str


def whole_lines(text: str) -> str:
    """Return a text without a last line that a killed writer cut short."""
    return text[: text.rfind("\n") + 1]


def next_line(text: str, fields: Mapping[str, Any]) -> str:
    """Return the line, with its line feed, that continues a text of whole lines."""
    document = {**fields, LINK: _seal(text)}
    return json.dumps(document, ensure_ascii=False) + "\n"


def read_chain(text: str, path: Path) -> list[ChainedLine]:
    """Read whole lines and check that each follows from the one before.

    Parameters
    ----------
    path
        Where the text comes from, for errors.

    Raises
    ------
    RegistryError
        If a line is not a JSON object, or does not carry the digest of what stands above it.
    """
    found: list[ChainedLine] = []
    above, chained = "", False
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        fields = _fields(line, number, path)
        link = fields.pop(LINK, None)
        if (link is None and chained) or (link is not None and link != _seal(above)):
            raise RegistryError(
                f"Line {number} of the promotion ledger {path.name} does not follow from the "
                "line before it: a line was edited, removed, moved or put in.",
                hint=_RESTORE,
                line=number,
            )
        chained = chained or link is not None
        # Once chained, the last line stands for everything above it.
        above = f"{line}\n" if chained else f"{above}{line}\n"
        found.append(ChainedLine(fields, _sha256(line)))
    return found


def _seal(above: str) -> str:
    """Digest that the next line has to carry: of the last line, or of all unchained text."""
    if not above:
        return _sha256("")
    last = above[:-1].rpartition("\n")[2]
    return _sha256(last if LINK in json.loads(last) else above[:-1])


def _fields(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise TypeError(line)
    except (ValueError, TypeError) as error:
        raise not_an_entry(number, path) from error
    return fields


def not_an_entry(number: int, path: Path) -> RegistryError:
    """Return the error for a line that is not what belongs there."""
    return RegistryError(
        f"Line {number} of the promotion ledger {path.name} is not an entry.",
        hint=_RESTORE,
        line=number,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
