"""A customer's own files, columns and codes, mapped to the source contract by a TOML file.

Format (every key not shown is an error)::

    world = "my-company"                # name of the data set
    currency = "EUR"                    # of all amounts
    timezone = "Europe/Berlin"          # of times that state no offset; default UTC
    terms = "Extract of our ERP"        # optional: where the data come from
    simulated = false                   # optional

    [orders]                            # and customers, invoices, tickets, interactions
    file = "orders-*.csv"               # CSV or Parquet below the data folder; glob allowed
    columns = { order_id = "Belegnr", customer_id = "Kunde", net_amount = "Netto" }
    constants = { category = "spares" } # optional: the same value in every row
    timestamp_format = "%d.%m.%Y %H:%M" # optional: strptime; default ISO 8601
    encoding = "utf-8"                  # CSV only; any codec of Python, such as gb18030
    delimiter = ","                     # CSV only
    decimal = "."                       # of numbers written as text
    thousands = ""                      # of numbers written as text
    line_number = false                 # orders only: number the lines where the file does not
    returns = "negative_quantity"       # orders only: which lines are returns
    cancelled = { column = "Status", equals = ["storno"] } # orders only

``columns`` maps contract names to the file's names. ``returns`` and ``cancelled`` take
``"negative_quantity"``, ``"negative_amount"``, ``{ column, prefix }`` or
``{ column, equals }``, where ``column`` is a column of the file; they take the place of
mapping ``is_return`` and ``is_cancelled``. A return must lower the sales
(``net_amount <= 0``). A credit note that reverses part of an earlier order is a return;
a cancelled line is left out everywhere, so cancel only what never happened.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import available_timezones

from features.contract import CONTRACT, SourceTable, suggest
from features.errors import MappingError

RULES: Mapping[str, str] = MappingProxyType({"returns": "is_return", "cancelled": "is_cancelled"})
"""Keys that make a column by a rule, and the column each makes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which lines of the file are returns, or are cancelled.

    Attributes
    ----------
    kind
        ``negative_quantity``, ``negative_amount``, ``prefix`` or ``equals``.
    column
        The file's column a prefix or a list of values is looked for in.
    values
        One prefix, or the values.
    """

    kind: Literal["negative_quantity", "negative_amount", "prefix", "equals"]
    column: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table of the contract is made from files; see the module."""

    file: str
    columns: Mapping[str, str]
    constants: Mapping[str, object]
    timestamp_format: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    line_number: bool = False
    returns: Rule | None = None
    cancelled: Rule | None = None

    def file_columns(self) -> tuple[str, ...]:
        """Return the names of the file's columns that are needed, each once."""
        rules = (rule.column for rule in (self.returns, self.cancelled) if rule and rule.column)
        return tuple(dict.fromkeys([*self.columns.values(), *rules]))


@dataclass(frozen=True, slots=True)
class Mapping_:  # noqa: N801 - typing's Mapping is needed beside it
    """A whole mapping; ``path`` is the file it was read from."""

    path: Path
    world: str
    currency: str
    timezone: str
    terms: str
    simulated: bool
    tables: Mapping[str, TableMapping]


def read_mapping(path: Path) -> Mapping_:
    """Read and check a mapping.

    Raises
    ------
    MappingError
        If the file is missing, is not TOML, or breaks the format; all faults at once.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(
            f"The mapping {path} cannot be read: {error.strerror}.",
            hint="docs/examples/mapping.toml is one to start from.",
            path=str(path),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(
            f"The mapping {path} is not valid TOML: {error}.",
            hint="A key may occur only once; texts stand in quotes; the file is UTF-8.",
            path=str(path),
        ) from error
    faults: list[str] = []
    mapping = _mapping(path, document, faults)
    if faults:
        raise MappingError(
            f"The mapping {path} has {len(faults)} fault(s): {'; '.join(faults)}.",
            hint="docs/how-to-use-your-own-data.md describes the format.",
            path=str(path),
            faults=faults,
        )
    return mapping


def _mapping(path: Path, document: Mapping[str, Any], faults: list[str]) -> Mapping_:
    top = {"world": str, "currency": str, "timezone": str, "terms": str, "simulated": bool}
    known = {**dict.fromkeys(CONTRACT, dict), **top}
    for key, value in document.items():
        if key not in known:
            faults.append(f"unknown key {key!r}{suggest(key, known)}")
        elif not isinstance(value, known[key]):
            faults.append(f"{key!r} must be a {_TYPES[known[key]]}")
    faults += [f"{key!r} is missing" for key in ("world", "currency") if not document.get(key)]
    if "orders" not in document:
        faults.append("the table [orders] is missing")
    zone = document.get("timezone", "UTC")
    if isinstance(zone, str) and zone not in available_timezones():
        faults.append(f"unknown timezone {zone!r}{suggest(zone, available_timezones())}")
    tables = {
        name: _table(document[name], CONTRACT[name], faults)
        for name in CONTRACT
        if isinstance(document.get(name), dict)
    }
    return Mapping_(
        path=path,
        world=document.get("world", ""),
        currency=document.get("currency", ""),
        timezone=zone,
        terms=document.get("terms", ""),
        simulated=document.get("simulated", False),
        tables=MappingProxyType(tables),
    )


_TYPES = {str: "text", bool: "true or false", dict: "table"}
_TABLE_TYPES: Mapping[str, type] = {
    "file": str,
    "columns": dict,
    "constants": dict,
    "timestamp_format": str,
    "encoding": str,
    "delimiter": str,
    "decimal": str,
    "thousands": str,
    "line_number": bool,
}


def _table(document: Mapping[str, Any], table: SourceTable, faults: list[str]) -> TableMapping:
    """Read one table, adding to the faults."""
    at = f"[{table.name}]"
    allowed = [field.name for field in fields(TableMapping)]
    if table.name != "orders":
        allowed = [key for key in allowed if key not in {"line_number", *RULES}]
    given: dict[str, Any] = {"file": "", "columns": {}, "constants": {}}
    for key, value in document.items():
        if key not in allowed:
            faults.append(f"{at} unknown key {key!r}{suggest(key, allowed)}")
        elif key in RULES:
            given[key] = _rule(value, f"{at} {key}", faults)
        elif not isinstance(value, _TABLE_TYPES[key]):
            faults.append(f"{at} {key!r} must be a {_TYPES[_TABLE_TYPES[key]]}")
        else:
            given[key] = value
    if not given["file"]:
        faults.append(f"{at} 'file' is missing")
    elif Path(given["file"]).is_absolute():
        faults.append(f"{at} 'file' must be relative to the data folder")
    mapped = TableMapping(**given)
    _check_columns(mapped, table, at, faults)
    return mapped


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
    for rule in (mapped.returns, mapped.cancelled):
        if rule and rule.kind == "negative_quantity" and "quantity" not in mapped.columns:
            faults.append(f"{at} the rule 'negative_quantity' needs the column 'quantity'")
    if mapped.decimal not in {".", ","} or mapped.decimal == mapped.thousands:
        faults.append(f"{at} 'decimal' must be '.' or ',', and not also 'thousands'")
    if len(mapped.delimiter) != 1:
        faults.append(f"{at} 'delimiter' must be one character")


def _rule(value: object, at: str, faults: list[str]) -> Rule | None:
    if value in ("negative_quantity", "negative_amount"):
        return Rule(value)
    if isinstance(value, dict) and isinstance(value.get("column"), str):
        match = value.get("prefix"), value.get("equals")
        if set(value) == {"column", "prefix"} and isinstance(match[0], str) and match[0]:
            return Rule("prefix", value["column"], (match[0],))
        if set(value) == {"column", "equals"} and isinstance(match[1], list) and match[1]:
            return Rule("equals", value["column"], tuple(str(item) for item in match[1]))
    faults.append(
        f"{at} must be 'negative_quantity', 'negative_amount', "
        "{ column = ..., prefix = ... } or { column = ..., equals = [...] }"
    )
    return None
