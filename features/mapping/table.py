"""One table of a mapping: how its columns are made from a file or a database relation.

The format is told in :mod:`features.mapping.document`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from features.contract import SourceTable, suggest

RULES: Mapping[str, str] = MappingProxyType({"returns": "is_return", "cancelled": "is_cancelled"})
"""Keys that make a column by a rule, and the column each makes."""

OTHER = "*"
"""The code that stands for every code not listed."""

_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows are meant: returns, cancelled ones, ones to leave out.

    Attributes
    ----------
    kind
        ``negative_quantity``, ``negative_amount``, ``prefix`` or ``equals``.
    column
        The source's column a prefix or a list of values is looked for in.
    values
        One prefix, or the values.
    """

    kind: Literal["negative_quantity", "negative_amount", "prefix", "equals"]
    column: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows that are left out, and the note that says why."""

    note: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table of the contract is made; see :mod:`features.mapping.document`."""

    columns: Mapping[str, str]
    file: str = ""
    relation: str = ""
    constants: Mapping[str, object] = field(default_factory=dict)
    timestamp_format: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    scale: Mapping[str, Decimal] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    line_number: bool = False
    returns: Rule | None = None
    cancelled: Rule | None = None
    exclude: tuple[Exclusion, ...] = ()

    def source_columns(self) -> tuple[str, ...]:
        """Return the names of the source's columns that are needed, each once."""
        rules = [self.returns, self.cancelled, *(exclusion.rule for exclusion in self.exclude)]
        looked_at = (rule.column for rule in rules if rule and rule.column)
        return tuple(dict.fromkeys([*self.columns.values(), *looked_at]))


TYPES: Mapping[type, str] = {str: "text", bool: "true or false", dict: "table", list: "list"}
_KEYS: Mapping[str, type] = {
    "file": str,
    "relation": str,
    "columns": dict,
    "constants": dict,
    "timestamp_format": str,
    "encoding": str,
    "delimiter": str,
    "decimal": str,
    "thousands": str,
    "scale": dict,
    "codes": dict,
    "line_number": bool,
    "exclude": list,
}
_OF_FILES = ("encoding", "delimiter", "decimal", "thousands")


def read_table(document: Mapping[str, Any], table: SourceTable, faults: list[str]) -> TableMapping:
    """Read one table of a mapping, adding what is wrong with it to ``faults``."""
    at = f"[{table.name}]"
    allowed = [f.name for f in fields(TableMapping)]
    if table.name != "orders":
        allowed = [key for key in allowed if key not in {"line_number", *RULES}]
    given: dict[str, Any] = {"columns": {}}
    for key, value in document.items():
        if key not in allowed:
            faults.append(f"{at} unknown key {key!r}{suggest(key, allowed)}")
        elif key in RULES:
            given[key] = _rule(value, f"{at} {key}", faults)
        elif not isinstance(value, _KEYS[key]):
            faults.append(f"{at} {key!r} must be a {TYPES[_KEYS[key]]}")
        else:
            given[key] = value
    given["exclude"] = _exclusions(given.get("exclude", []), at, faults)
    given["scale"] = _scale(given.get("scale", {}), given["columns"], table, at, faults)
    given["codes"] = _codes(given.get("codes", {}), given["columns"], table, at, faults)
    mapped = TableMapping(**given)
    _check_place(mapped, document, at, faults)
    _check_columns(mapped, table, at, faults)
    return mapped


def _check_place(
    mapped: TableMapping, document: Mapping[str, Any], at: str, faults: list[str]
) -> None:
    if mapped.file and mapped.relation:
        faults.append(f"{at} has both 'file' and 'relation'")
    elif not mapped.file and not mapped.relation:
        faults.append(f"{at} 'file' is missing (or 'relation', of a database)")
    if Path(mapped.file).is_absolute():
        faults.append(f"{at} 'file' must be relative to the data folder")
    if mapped.relation:
        faults += [f"{at} {key!r} goes with 'file' only" for key in _OF_FILES if key in document]
    if mapped.decimal not in {".", ","} or mapped.decimal == mapped.thousands:
        faults.append(f"{at} 'decimal' must be '.' or ',', and not also 'thousands'")
    if len(mapped.delimiter) != 1:
        faults.append(f"{at} 'delimiter' must be one character")


def _check_columns(mapped: TableMapping, table: SourceTable, at: str, faults: list[str]) -> None:
    known = table.column_names
    made = {RULES[key] for key in RULES if getattr(mapped, key) is not None}
    made |= {"line_id"} if mapped.line_number else set()
    for name in (*mapped.columns, *mapped.constants):
        if name not in known:
            faults.append(f"{at} unknown contract column {name!r}{suggest(name, known)}")
    sources: dict[str, str] = {}
    columns: Mapping[str, object] = mapped.columns  # as read, not yet known to be text
    for name, source in columns.items():
        if not isinstance(source, str):
            faults.append(f"{at} columns.{name} must be the name of a column")
        elif source in sources:
            faults.append(f"{at} {source!r} is mapped twice: to {sources[source]} and to {name}")
        else:
            sources[source] = name
    for name in known:
        ways = (name in mapped.columns) + (name in mapped.constants) + (name in made)
        if ways > 1:
            faults.append(f"{at} {name!r} is given in more than one way")
        elif not ways and name in table.required:
            faults.append(f"{at} required column {name!r} is not mapped")
    rules = (mapped.returns, mapped.cancelled, *(exclusion.rule for exclusion in mapped.exclude))
    needs = {"negative_quantity": "quantity", "negative_amount": "net_amount"}
    for rule in rules:
        needed = needs.get(rule.kind) if rule else None
        if rule and needed and needed not in mapped.columns:
            faults.append(f"{at} the rule {rule.kind!r} needs the column {needed!r}")


def _rule(value: object, at: str, faults: list[str]) -> Rule | None:
    if value in ("negative_quantity", "negative_amount"):
        return Rule(value)
    if isinstance(value, dict) and isinstance(value.get("column"), str):
        match = value.get("prefix"), value.get("equals")
        if set(value) == {"column", "prefix"} and isinstance(match[0], str) and match[0]:
            return Rule("prefix", value["column"], (match[0],))
        if set(value) == {"column", "equals"} and isinstance(match[1], list) and match[1]:
            return Rule("equals", value["column"], tuple(text_of(item) for item in match[1]))
    faults.append(
        f"{at} must be 'negative_quantity', 'negative_amount', "
        "{ column = ..., prefix = ... } or { column = ..., equals = [...] }"
    )
    return None


def text_of(value: object) -> str:
    """Return a TOML value as the engine writes it as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _exclusions(value: Sequence[object], at: str, faults: list[str]) -> tuple[Exclusion, ...]:
    found = []
    for place, item in enumerate(value, start=1):
        here = f"{at} exclude {place}"
        note = item.get("note") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(note, str) or not note.strip():
            faults.append(f"{here} must be a table with a 'note' that says why")
            continue
        rule = _rule({k: v for k, v in item.items() if k != "note"}, here, faults)
        if rule is not None:
            found.append(Exclusion(" ".join(note.split()), rule))
    return tuple(found)


def _scale(
    value: Mapping[str, object],
    columns: Mapping[str, object],
    table: SourceTable,
    at: str,
    faults: list[str],
) -> dict[str, Decimal]:
    numbers = (*table.of_kind("money"), *table.of_kind("number"))
    found = {}
    for name, factor in value.items():
        if name not in numbers or name not in columns:
            faults.append(f"{at} scale.{name} must name a mapped column of amounts or numbers")
        elif (read := factor_of(factor)) is None:
            faults.append(f"{at} scale.{name} must be {FACTOR}")
        else:
            found[name] = read
    return found


FACTOR = f"a decimal number above 0 and below 10^9, with at most {_DECIMALS} decimals"


def factor_of(value: object) -> Decimal | None:
    """Return a factor as the exact decimal it was written as; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        factor = Decimal(value)
    except InvalidOperation:
        return None
    if not factor.is_finite() or not 0 < factor < 10**9:
        return None
    return factor if factor == round(factor, _DECIMALS) else None


def _codes(
    value: Mapping[str, object],
    columns: Mapping[str, object],
    table: SourceTable,
    at: str,
    faults: list[str],
) -> dict[str, dict[str, str]]:
    kinds = {column.name: column.kind for column in table.columns}
    allowed = {"text": (str,), "boolean": (bool,), "number": (int, Decimal)}
    found = {}
    for name, codes in value.items():
        kind = kinds.get(name, "")
        if kind not in allowed or name not in columns:
            faults.append(
                f"{at} codes.{name} must name a mapped column of texts, numbers or yes/no"
            )
        elif not isinstance(codes, dict) or not codes:
            faults.append(f"{at} codes.{name} must be a table of code = value")
        elif any(
            not isinstance(meaning, allowed[kind])
            or (isinstance(meaning, bool) and kind != "boolean")
            for meaning in codes.values()
        ):
            faults.append(f"{at} codes.{name}: each value must be a {kind}")
        else:
            found[name] = {code.strip(): text_of(meaning) for code, meaning in codes.items()}
    return found
