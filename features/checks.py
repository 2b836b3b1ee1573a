"""Cast a raw table to the contract, and say of every row what is wrong with it.

One expression per table: typed columns, a ``reason`` (null where the row is sound) and,
for refused rows only, the raw row as JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from features.backends import to_json
from features.contract import DTYPES, REASONS, Column, SourceTable

REASON = "reason"
ROW = "row"

# The engine reads "infinity" and year 290000 as timestamps; neither dates a business event.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199

_RAW = "raw_"
_TYPED = "typed_"


def staged(raw: ir.Table, table: SourceTable) -> ir.Table:
    """Return the table cast to the contract, with its reasons.

    Parameters
    ----------
    raw
        Contract column names, any types; columns may be missing.
    table
        The contract to meet.

    Returns
    -------
    ir.Table
        All contract columns in contract order (a missing one is typed null or its
        default), then ``reason`` and ``row``, both text. ``duplicate_key`` is not among
        the reasons yet: it needs to look at several rows, see :func:`deduplicated`.
    """
    given = {c.name: _present(raw[c.name]) for c in table.columns if c.name in raw.columns}
    columns = {c.name: c for c in table.columns}
    cast = raw.select(
        **{_RAW + name: value for name, value in given.items()},
        **{_TYPED + name: _cast(value, columns[name]) for name, value in given.items()},
    )
    values = {c.name: _filled(cast, c) for c in table.columns}
    values["recorded_at"] = ibis.coalesce(values["recorded_at"], values[table.event_time])
    if "currency" in values:
        values["currency"] = values["currency"].upper()
    reason = _reason(cast, values, table)
    text = ibis.struct({name: cast[_RAW + name].cast("string") for name in given})
    refused = ibis.ifelse(reason.notnull(), to_json(text), ibis.null("string"))
    return cast.select(**values, **{REASON: reason, ROW: refused})


def deduplicated(rows: ir.Table, table: SourceTable, *, versioned: bool) -> ir.Table:
    """Mark all but the first of the sound rows that share a key as ``duplicate_key``.

    First is the earliest, ties broken by the remaining columns in contract order, so
    the outcome does not depend on the order of the file. The raw text of these rows is
    that of their cast values.

    Parameters
    ----------
    rows
        What :func:`staged` returned.
    versioned
        Whether ``recorded_at`` was given: then rows of one key recorded at different
        times are versions, not duplicates.
    """
    identity = [*table.key, "recorded_at"] if versioned else list(table.key)
    rest = [name for name in (table.event_time, *table.column_names) if name not in identity]
    sound = rows[REASON].isnull()
    place = ibis.row_number().over(
        group_by=[*(rows[name] for name in identity), sound],
        order_by=[rows[name] for name in dict.fromkeys(rest)],
    )
    ranked = rows.mutate(place=place)
    repeated = ranked[REASON].isnull() & (ranked.place > 0)
    text = to_json(ibis.struct({n: ranked[n].cast("string") for n in table.column_names}))
    return ranked.mutate(
        **{
            REASON: ibis.ifelse(repeated, ibis.literal("duplicate_key"), ranked[REASON]),
            ROW: ibis.ifelse(repeated, text, ranked[ROW]),
        }
    ).drop("place")


def _present(value: ir.Value) -> ir.Value:
    """Trim text, and turn what stands for nothing ("" or NaN) into null."""
    if value.type().is_string():
        return value.strip().nullif("")
    if value.type().is_floating():
        return ibis.ifelse(value.isnan(), ibis.null(value.type()), value)
    return value


def _cast(value: ir.Value, column: Column) -> ir.Value:
    """Return the value as the column's kind; null where it cannot be."""
    kind, given = column.kind, value.type()
    if kind == "timestamp":
        return _timestamp(value, given)
    if kind == "text":
        # An identifier that went through a float column: 12345.0 means "12345".
        if given.is_floating():
            whole = value.try_cast("int64")
            return ibis.ifelse(
                whole.cast("float64") == value, whole.cast("string"), value.cast("string")
            )
        return value.cast("string")
    if kind == "boolean":
        if given.is_numeric():
            return ibis.cases((value == 1, True), (value == 0, False), else_=ibis.null("boolean"))
        return value if given.is_boolean() else value.cast("string").try_cast("boolean")
    if kind == "number":
        number = value.try_cast("float64")
        return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)
    return value.try_cast(DTYPES[kind])


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


def _filled(cast: ir.Table, column: Column) -> ir.Value:
    """Return the typed column, its default where it is null, typed null where missing."""
    dtype = DTYPES[column.kind]
    name = _TYPED + column.name
    value = cast[name] if name in cast.columns else ibis.null(dtype)
    if column.default is None:
        return value
    return ibis.coalesce(value, ibis.literal(column.default))


def _reason(cast: ir.Table, values: Mapping[str, ir.Value], table: SourceTable) -> ir.Value:
    """Return the first reason that fits a row; null for a sound one."""
    faults: dict[str, ir.BooleanValue] = {
        "missing_customer": values["customer_id"].isnull(),
        "missing_key": _any(values[name].isnull() for name in table.key),
        "bad_timestamp": _unreadable(cast, table, "timestamp"),
        "bad_number": _unreadable(cast, table, "money") | _unreadable(cast, table, "number"),
        "bad_boolean": _unreadable(cast, table, "boolean"),
        "recorded_before_occurred": values["recorded_at"] < values[table.event_time],
        **_consistency(values, table.name),
    }
    branches = [
        (faults[code].fill_null(False), ibis.literal(code)) for code in REASONS if code in faults
    ]
    return ibis.cases(*branches, else_=ibis.null("string"))


def _unreadable(cast: ir.Table, table: SourceTable, kind: str) -> ir.BooleanValue:
    """True where a value was given but could not be read, or a required one is missing."""
    faults = []
    for column in table.columns:
        if column.kind != kind or _TYPED + column.name not in cast.columns:
            continue
        fault = cast[_TYPED + column.name].isnull()
        if not column.required:
            fault &= cast[_RAW + column.name].notnull()
        faults.append(fault)
    return _any(faults)


def _consistency(values: Mapping[str, ir.Value], table: str) -> dict[str, ir.BooleanValue]:
    """Return the checks between the columns of one table."""
    if table == "orders":
        is_return = values["is_return"]
        return {
            "negative_quantity": ~is_return & (values["quantity"] < 0),
            "positive_return": is_return & (values["net_amount"] > 0),
            "negative_amount": ~is_return & (values["net_amount"] < 0),
        }
    if table == "invoices":
        return {
            "due_before_issue": values["due_at"] < values["occurred_at"],
            "paid_before_issue": values["paid_at"] < values["occurred_at"],
        }
    if table == "tickets":
        return {
            "resolved_before_opened": values["resolved_at"] < values["occurred_at"],
            "csat_out_of_range": ~values["csat"].between(0, 100),
        }
    return {}


def _any(faults: Iterable[ir.BooleanValue]) -> ir.BooleanValue:
    result: ir.BooleanValue = ibis.literal(False)
    for fault in faults:
        result = result | fault
    return result
