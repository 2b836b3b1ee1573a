"""Writing TOML: nested tables of plain values (the standard library only reads it)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def to_toml(document: Mapping[str, Any]) -> str:
    """Return a document as TOML; reading it back gives the same content.

    Parameters
    ----------
    document
        Strings, booleans, finite numbers, sequences of these, mappings, and sequences of
        mappings, which become arrays of tables. There is no None in TOML: leave it out.
    """
    return "\n".join(_lines(document, "")).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    nested = {key: value for key, value in table.items() if _is_table(value)}
    for key, value in table.items():
        if key not in nested:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in nested.items():
        place = f"{path}{_key(key)}"
        if isinstance(value, Mapping):
            yield from ("", f"[{place}]", *_lines(value, f"{place}."))
        else:
            for entry in value:
                yield from ("", f"[[{place}]]", *_lines(entry, f"{place}."))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        _is_list(value) and len(value) > 0 and isinstance(value[0], Mapping)
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _key(text: str) -> str:
    bare = text.isascii() and text.replace("_", "a").replace("-", "a").isalnum()
    return text if bare else _value(text)


def _value(value: Any) -> str:
    if _is_list(value):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # JSON escapes are TOML escapes, but JSON leaves DEL bare and TOML does not allow it.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
