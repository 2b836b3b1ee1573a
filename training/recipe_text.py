"""Change a field of a recipe in its text, so that every comment beside it stays.

Where a field stands is found by lines; what came of it is checked against TOML's own reading,
so a layout this module does not understand is refused rather than spoiled.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from training.errors import RecipeError

Value = bool | int | float | str

_HEADER = re.compile(r"^\s*\[(?P<section>[^\[\]]+)\]\s*(#.*)?$")


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the fields of a nested document by dotted name, in its order."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def with_fields(text: str, fields: Mapping[str, Value]) -> str:
    """Return recipe text with fields set: ``{"lightgbm.ltv.rounds": 200}``.

    A field that the text leaves to its default is added at the end of its section, and a
    section that is missing at the end of the text.

    Raises
    ------
    RecipeError
        If the text is not TOML, or lays a field out in a way that cannot be changed in place
        (an inline table, a dotted key).
    """
    for field, value in fields.items():
        text = _with_field(text, field, value)
    return text


def _with_field(text: str, field: str, value: Value) -> str:
    try:
        wanted = flat(tomllib.loads(text)) | {field: value}
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe is not TOML: {error}.") from error
    section, _, key = field.rpartition(".")
    lines = text.splitlines()
    begin, end = _span(lines, section)
    written = f"{key} = {_literal(value)}"
    if begin is None:
        lines += ["", f"[{section}]", written]
    else:
        pattern = re.compile(rf"^(\s*){re.escape(key)}\s*=\s*(?:\"[^\"]*\"|[^#\"]*?)(\s*#.*)?$")
        at = next((i for i in range(begin, end) if pattern.match(lines[i])), None)
        if at is not None:
            match = pattern.match(lines[at])
            assert match is not None
            lines[at] = f"{match[1]}{written}{match[2] or ''}"
        else:
            last = max((i for i in range(begin, end) if _holds(lines[i])), default=begin - 1)
            lines.insert(last + 1, written)
    changed = "\n".join(lines) + "\n"
    if _read(changed) != wanted:
        raise RecipeError(
            f"{field} cannot be changed in the text of the recipe.",
            hint=f"Write it on a line of its own, `{written}`, in the section [{section}].",
            field=field,
        )
    return changed


def _span(lines: list[str], section: str) -> tuple[int | None, int]:
    """Return the lines of a section, header excluded; None if it is not there."""
    begin: int | None = 0 if section == "" else None
    for number, line in enumerate(lines):
        match = _HEADER.match(line)
        if match is None:
            continue
        if begin is not None:
            return begin, number
        if match["section"].strip() == section:
            begin = number + 1
    return begin, len(lines)


def _holds(line: str) -> bool:
    """Whether a line is more than a comment: the last comments may be the next section's."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _read(text: str) -> dict[str, Any] | None:
    try:
        return flat(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return None


def _literal(value: Value) -> str:
    # JSON's literals of these types are TOML's too, but for a float such as 1e-05.
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
