"""Make the raw tables of the contract from a customer's own files, as a mapping says.

The format of the mapping file is told in :mod:`features.mapping_file`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.backends import at_time_zone, try_strptime
from features.contract import CONTRACT, SourceTable
from features.files import FileFormat, read_files
from features.mapping_file import RULES, Mapping_, Rule, TableMapping, read_mapping

__all__ = ["Mapping_", "apply_mapping", "read_mapping"]

# A time of day followed by Z or an offset such as +08:00.
_OFFSET = r":\d{2}(\.\d+)?\s*([zZ]|[+-]\d{2}(:?\d{2})?)$"


def apply_mapping(
    mapping: Mapping_, data_dir: Path, connection: BaseBackend
) -> dict[str, ir.Table]:
    """Return the raw tables that :func:`features.sources.ingest` takes.

    Raises
    ------
    SourceNotFoundError
        If a file is not there.
    EmptySourceError
        If a file has no header.
    MappingError
        If a file lacks a mapped column or is not in the stated encoding.
    """
    return {
        name: _mapped(table, CONTRACT[name], mapping.timezone, data_dir, connection)
        for name, table in mapping.tables.items()
    }


def _mapped(
    mapped: TableMapping,
    table: SourceTable,
    zone: str,
    data_dir: Path,
    connection: BaseBackend,
) -> ir.Table:
    form = FileFormat(mapped.encoding, mapped.delimiter)
    rows = read_files(data_dir, mapped.file, form, mapped.file_columns(), table.name, connection)
    values: dict[str, ir.Value] = {}
    for name, source in mapped.columns.items():
        value = rows[source]
        if name in table.of_kind("timestamp"):
            value = _timestamp(value, mapped.timestamp_format, zone)
        elif name in (*table.of_kind("money"), *table.of_kind("number")):
            value = _number(value, mapped)
        values[name] = value
    for name, constant in mapped.constants.items():
        values[name] = ibis.literal(constant)
    if mapped.line_number:
        values["line_id"] = ibis.row_number() + 1
    for key, name in RULES.items():
        rule: Rule | None = getattr(mapped, key)
        if rule is not None:
            values[name] = _matches(rule, rows, values)
    return rows.select(**values)


def _timestamp(value: ir.Value, layout: str | None, zone: str) -> ir.Value:
    """Return the time as UTC text, and text that is no time as it came.

    The check at the door sees what the file said, and puts the row in quarantine.
    """
    if value.type().is_timestamp() and value.type().timezone is not None:
        return value
    if value.type().is_timestamp() or value.type().is_date():
        return _utc(value.cast("timestamp"), zone)
    text = value.cast("string").strip()
    wall = text.try_cast("timestamp") if layout is None else try_strptime(text, layout)
    converted = _utc(wall, zone).cast("string")
    if layout is not None:  # what has another layout must not pass as ISO 8601 at the door
        return ibis.coalesce(converted, text + ibis.literal(f" (not {layout})"))
    stated = text.re_search(_OFFSET)
    return ibis.coalesce(ibis.ifelse(stated, text, converted), text)


def _utc(wall: ir.Value, zone: str) -> ir.Value:
    return wall if zone == "UTC" else at_time_zone(zone, wall).cast("timestamp")


def _number(value: ir.Value, mapped: TableMapping) -> ir.Value:
    """Write a number that is text the way the door reads it.

    Strictly: where "," is the decimal mark, "12.50" is not twelve hundred and fifty, and
    the row goes to quarantine.
    """
    if not value.type().is_string() or (mapped.decimal == "." and not mapped.thousands):
        return value
    text, mark = value.strip().nullif(""), re.escape(mapped.decimal)
    groups = rf"|\d{{1,3}}({re.escape(mapped.thousands)}\d{{3}})+" if mapped.thousands else ""
    plain = text.replace(mapped.thousands, "") if mapped.thousands else text
    example = f"1{mapped.thousands}234{mapped.decimal}5"
    return ibis.ifelse(
        text.re_search(rf"^[+-]?(\d+{groups})({mark}\d*)?$"),
        plain.replace(mapped.decimal, "."),
        text + ibis.literal(f" (not like {example})"),
    )


def _matches(rule: Rule, rows: ir.Table, values: Mapping[str, ir.Value]) -> ir.BooleanValue:
    if rule.kind in ("prefix", "equals"):
        text = rows[rule.column].cast("string").strip()
        found = text.startswith(rule.values[0]) if rule.kind == "prefix" else text.isin(rule.values)
    else:
        name = "quantity" if rule.kind == "negative_quantity" else "net_amount"
        found = values[name].try_cast("float64") < 0
    return found.fill_null(False)
