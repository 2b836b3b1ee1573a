"""Cast raw values to the kinds of the contract: what cannot be read becomes null."""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from features.contract import DTYPES, Column

# The engine reads "infinity" and year 290000 as timestamps; neither dates a business event.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


def present(value: ir.Value) -> ir.Value:
    """Trim text, and turn what stands for nothing ("" or NaN) into null."""
    if value.type().is_string():
        return value.strip().nullif("")
    if value.type().is_floating():
        return ibis.ifelse(value.isnan(), ibis.null(value.type()), value)
    return value


def as_text(value: ir.Value) -> ir.Value:
    """Return a value as text; an identifier that went through floats loses its ".0"."""
    if value.type().is_floating():
        whole = value.try_cast("int64")
        return ibis.ifelse(
            whole.cast("float64") == value, whole.cast("string"), value.cast("string")
        )
    return value.cast("string")


def cast(value: ir.Value, column: Column) -> ir.Value:
    """Return a :func:`present` value as the column's kind; null where it cannot be."""
    kind, given = column.kind, value.type()
    if kind == "timestamp":
        return _timestamp(value, given)
    if kind == "text":
        return as_text(value)
    if kind == "boolean":
        if given.is_numeric():
            return ibis.cases((value == 1, True), (value == 0, False), else_=ibis.null("boolean"))
        return value if given.is_boolean() else value.cast("string").try_cast("boolean")
    if kind == "number":
        number = value.try_cast("float64")
        return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)
    return value.try_cast(DTYPES[kind])


def filled(value: ir.Value, column: Column) -> ir.Value:
    """Return a cast value, the column's default where it is null."""
    if column.default is None:
        return value
    return ibis.coalesce(value, ibis.literal(column.default))


def _timestamp(value: ir.Value, given: dt.DataType) -> ir.Value:
    if given.is_timestamp() or given.is_date():
        instant = value.cast(DTYPES["timestamp"])
    else:
        # Through an instant with time zone, so that an offset in the text counts; the
        # session's zone is UTC, so text without one is UTC.
        zoned = value.cast("string").try_cast("timestamp('UTC')")
        instant = zoned.cast(DTYPES["timestamp"])
    return ibis.ifelse(
        instant.year().between(_FIRST_YEAR, _LAST_YEAR),
        instant,
        ibis.null(DTYPES["timestamp"]),
    )
