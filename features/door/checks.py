"""Cast a raw table to the contract, and say of every row all that is wrong with it.

One expression per table: typed columns, the faults of the row as a bit mask (0 for a sound
row) and, for refused rows only, the raw row as JSON text. Bit ``i`` is fault ``i`` of
:func:`faults`, so the lowest set bit is the reason a row is refused for, and the others
tell which rules fit it besides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import ibis
import ibis.expr.types as ir

from features.backends import to_json
from features.contract import DTYPES, REASONS, Column, Kind, SourceTable
from features.door.casting import cast, filled, present

SYSTEM = "system"
EXCLUSION = "exclusion"
UNKNOWN_CODES = "unknown_codes"
MARKS = (SYSTEM, EXCLUSION, UNKNOWN_CODES)
"""Columns a raw table may have beside those of the contract, all text.

The system a row came from; the notes of the mapping's rules that leave it out; the columns
with a code that the mapping does not know. Several are separated by :data:`BREAK`.
"""

UNNUMBERED = "unnumbered"
"""Column of a raw table whose lines are still to be numbered within each order."""

BREAK = "\n"
MASK = "faults"
REASON = "reason"
NOTE = "note"
ROW = "row"

_RAW = "raw_"
_TYPED = "typed_"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be wrong with a row.

    Attributes
    ----------
    reason
        Code of :data:`features.contract.REASONS`.
    note
        The column it is about; empty where the reason says it all, or where the row
        itself names the note (a rule of the mapping, a column with an unknown code).
    """

    reason: str
    note: str = ""

    @property
    def mark(self) -> str:
        """Column of :data:`MARKS` that holds the note, for a fault whose note is in the row."""
        return {"excluded": EXCLUSION, "bad_code": UNKNOWN_CODES}.get(self.reason, "")


@cache
def faults(table: SourceTable) -> tuple[Fault, ...]:
    """Return all faults a row of a table can have, in order of precedence."""
    columns = {
        "missing_key": [c.name for c in table.columns if _identifies(c, table)],
        "bad_timestamp": table.of_kind("timestamp"),
        "bad_number": [*table.of_kind("money"), *table.of_kind("number")],
        "bad_boolean": table.of_kind("boolean"),
        "out_of_range": [c.name for c in table.columns if _bounds(table)[c.name] is not None],
        "ended_before_start": _ENDS.get(table.name, ()),
    }
    single = {"excluded", "bad_code", "recorded_before_occurred", "duplicate_key"}
    single |= {"missing_customer"} if table.has_customer else set()
    single |= _OF_TABLE.get(table.name, set())
    told: list[Fault] = []
    for reason in REASONS:
        if reason in columns:
            told += [Fault(reason, name) for name in columns[reason]]
        elif reason in single:
            told.append(Fault(reason))
    return tuple(told)


_OF_TABLE: Mapping[str, set[str]] = {
    "orders": {"negative_quantity", "positive_return", "negative_amount"},
    "invoices": {"due_before_issue", "paid_before_issue"},
    "tickets": {"resolved_before_opened"},
}
_ENDS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("left_at",),
    "contracts": ("ends_at", "renewed_at"),
}


def _identifies(column: Column, table: SourceTable) -> bool:
    """Tell whether a row without the column has no identity, and no other reason says so."""
    if column.name not in table.key or column.name == "customer_id":
        return False
    return column.kind == "text" and column.default is None


def _bounds(table: SourceTable) -> dict[str, tuple[float, float] | None]:
    """Return the least and the greatest value of each column that has bounds."""
    return {
        c.name: None
        if c.minimum is None and c.maximum is None
        else (
            -math.inf if c.minimum is None else c.minimum,
            math.inf if c.maximum is None else c.maximum,
        )
        for c in table.columns
    }


def staged(raw: ir.Table, table: SourceTable) -> ir.Table:
    """Return the table cast to the contract, with its faults.

    Parameters
    ----------
    raw
        Contract column names, any types; columns may be missing; :data:`MARKS` as well;
        with :data:`UNNUMBERED`, ``line_id`` is made here.
    table
        The contract to meet.

    Returns
    -------
    ir.Table
        All contract columns in contract order (a missing one is typed null or its
        default), the marks, ``faults`` (int64) and ``row`` (text). ``duplicate_key`` is
        not among the faults yet: it needs several rows, see :func:`deduplicated`.
    """
    raw = _numbered(raw, table) if UNNUMBERED in raw.columns else raw
    given = {c.name: present(raw[c.name]) for c in table.columns if c.name in raw.columns}
    columns = {c.name: c for c in table.columns}
    typed = raw.select(
        **{_RAW + name: value for name, value in given.items()},
        **{_TYPED + name: cast(value, columns[name]) for name, value in given.items()},
        **{m: raw[m] if m in raw.columns else ibis.null("string") for m in MARKS},
    )
    values = {
        c.name: filled(typed[_TYPED + c.name], c)
        if c.name in given
        else filled(ibis.null(DTYPES[c.kind]), c)
        for c in table.columns
    }
    values["recorded_at"] = ibis.coalesce(values["recorded_at"], values[table.event_time])
    if "currency" in values:
        values["currency"] = values["currency"].upper()
    wrong = _wrong(typed, values, table)
    mask: ir.IntegerValue = ibis.literal(0, "int64")
    for place, fault in enumerate(faults(table)):
        if fault in wrong:
            bit = ibis.literal(1 << place, "int64")
            mask += ibis.ifelse(wrong[fault].fill_null(False), bit, ibis.literal(0, "int64"))
    marked = typed.mutate(**values, **{MASK: mask})
    text = to_json(ibis.struct({name: marked[_RAW + name].cast("string") for name in given}))
    return marked.select(
        *table.column_names,
        *MARKS,
        MASK,
        ibis.ifelse(marked[MASK] != 0, text, ibis.null("string")).name(ROW),
    )


def _numbered(raw: ir.Table, table: SourceTable) -> ir.Table:
    """Number the lines of each order by what they say, not by where they stand.

    So the order of the lines and the split into files change nothing; lines that are equal
    in all columns may change places without a difference.
    """
    order, line = table.key
    rest = [name for name in (*table.column_names, *MARKS) if name not in table.key]
    place = ibis.row_number().over(
        group_by=present(raw[order]),
        order_by=[present(raw[name]) for name in rest if name in raw.columns],
    )
    return raw.mutate(**{line: place + 1})


def deduplicated(rows: ir.Table, table: SourceTable, *, versioned: bool) -> ir.Table:
    """Mark all but the first of the sound rows that share a key as ``duplicate_key``.

    First is the earliest, ties broken by the remaining columns in contract order, then by
    the system, so the outcome does not depend on the order of the rows. The raw text of
    these rows is that of their cast values.

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
    sound = rows[MASK] == 0
    place = ibis.row_number().over(
        group_by=[*(rows[name] for name in identity), sound],
        order_by=[rows[name] for name in dict.fromkeys([*rest, SYSTEM])],
    )
    ranked = rows.mutate(place=place)
    repeated = (ranked[MASK] == 0) & (ranked.place > 0)
    text = to_json(ibis.struct({n: ranked[n].cast("string") for n in table.column_names}))
    bit = 1 << faults(table).index(Fault("duplicate_key"))
    return ranked.mutate(
        **{
            MASK: ibis.ifelse(repeated, ibis.literal(bit, "int64"), ranked[MASK]),
            ROW: ibis.ifelse(repeated, text, ranked[ROW]),
        }
    ).drop("place")


def explained(rows: ir.Table, table: SourceTable) -> ir.Table:
    """Add ``reason`` and ``note``, both text: the first fault of each row."""
    hit = [(rows[MASK] & (1 << place) != 0, f) for place, f in enumerate(faults(table))]
    reason = ibis.cases(*((is_hit, fault.reason) for is_hit, fault in hit))
    notes = [(is_hit, _note(rows, fault)) for is_hit, fault in hit if fault.note or fault.mark]
    return rows.mutate(**{REASON: reason, NOTE: ibis.cases(*notes)})


def _note(rows: ir.Table, fault: Fault) -> ir.Value:
    return rows[fault.mark].split(BREAK)[0] if fault.mark else ibis.literal(fault.note)


def _wrong(
    typed: ir.Table, values: Mapping[str, ir.Value], table: SourceTable
) -> dict[Fault, ir.BooleanValue]:
    """Return which rows each fault fits; a fault that can fit none is left out."""
    wrong: dict[Fault, ir.BooleanValue] = {
        Fault("excluded"): typed[EXCLUSION].notnull(),
        Fault("bad_code"): typed[UNKNOWN_CODES].notnull(),
        Fault("recorded_before_occurred"): values["recorded_at"] < values[table.event_time],
        **_consistency(values, table.name),
    }
    if table.has_customer:
        wrong[Fault("missing_customer")] = values["customer_id"].isnull()
    for fault in faults(table):
        if fault.reason == "missing_key":
            wrong[fault] = values[fault.note].isnull()
    for column in table.columns:
        reason = _UNREADABLE.get(column.kind)
        if reason and _TYPED + column.name in typed.columns:
            unreadable = typed[_TYPED + column.name].isnull()
            if not column.required:
                unreadable &= typed[_RAW + column.name].notnull()
            wrong[Fault(reason, column.name)] = unreadable
        bounds = _bounds(table)[column.name]
        if bounds is not None:
            wrong[Fault("out_of_range", column.name)] = ~values[column.name].between(*bounds)
    return wrong


_UNREADABLE: Mapping[Kind, str] = {
    "timestamp": "bad_timestamp",
    "money": "bad_number",
    "number": "bad_number",
    "boolean": "bad_boolean",
}


def _consistency(values: Mapping[str, ir.Value], table: str) -> dict[Fault, ir.BooleanValue]:
    """Return the checks between the columns of one table."""
    if table == "orders":
        is_return = values["is_return"]
        return {
            Fault("negative_quantity"): ~is_return & (values["quantity"] < 0),
            Fault("positive_return"): is_return & (values["net_amount"] > 0),
            Fault("negative_amount"): ~is_return & (values["net_amount"] < 0),
        }
    if table == "invoices":
        return {
            Fault("due_before_issue"): values["due_at"] < values["occurred_at"],
            Fault("paid_before_issue"): values["paid_at"] < values["occurred_at"],
        }
    if table == "tickets":
        return {Fault("resolved_before_opened"): values["resolved_at"] < values["occurred_at"]}
    return {
        Fault("ended_before_start", end): values[end] < values["occurred_at"]
        for end in _ENDS.get(table, ())
    }
