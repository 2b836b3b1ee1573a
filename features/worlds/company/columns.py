"""Arrays of a simulated table to Arrow columns of the contract's types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.contract import CONTRACT, Kind
from features.schema import FloatArray
from features.worlds.company.seasons import DAYS, FIRST_DAY, BoolArray, IntArray

ARROW: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "money": pa.decimal128(18, 4),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}

_EPOCH = int(np.datetime64(FIRST_DAY, "s").astype(np.int64))
_SECONDS = 86_400


def table(
    name: str,
    owner: IntArray,
    first_account: int,
    columns: Mapping[str, object],
    *,
    accounts: int,
) -> pa.Table:
    """Return a table with all columns of the contract; records of later days are left out.

    Parameters
    ----------
    name
        A table of the contract.
    owner
        ``(n,)`` account of each row, counted from the first of its block.
    first_account
        Number of that account.
    columns
        Arrays by column, ``(n,)``; times are day numbers, NaN is null. ``recorded_at`` is
        needed; a column of the contract that is missing here is null in every row.
    accounts
        Size of the company: rows of accounts beyond it are left out.
    """
    seen = (np.asarray(columns["recorded_at"]) < DAYS) & (owner + first_account < accounts)
    given = {"customer_id": customer_ids(owner + first_account), **columns}
    arrays = []
    for column in CONTRACT[name].columns:
        kind = ARROW[column.kind]
        if column.name in given:
            arrays.append(_array(given[column.name], kind))
        else:
            arrays.append(pa.nulls(len(owner), kind))
    made = pa.table(arrays, names=list(CONTRACT[name].column_names))
    return made if seen.all() else made.filter(pa.array(seen))


def customer_ids(number: IntArray) -> pa.Array:
    """Return the customer numbers of accounts: account 0 is C0000001."""
    return ids("C", number + 1, 7)


def ids(prefix: str, number: IntArray, width: int) -> pa.Array:
    """Return a letter and ``width`` digits for each number, as text."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    cells = np.empty((len(number), width + 1), dtype=np.uint8)
    cells[:, 0] = ord(prefix)
    cells[:, 1:] = number[:, None] // powers % 10 + ord("0")
    return from_cells(cells)


def from_cells(cells: npt.NDArray[np.uint8]) -> pa.Array:
    """Return texts of equal length from their ASCII codes, ``(n, length)``."""
    rows, length = cells.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(length)
    return pa.StringArray.from_buffers(
        rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(cells))
    )


def pick(texts: Sequence[str], index: IntArray, known: BoolArray | None = None) -> pa.Array:
    """Return ``texts[index]``, null where it is not known."""
    mask = None if known is None else ~known
    return pa.array(texts, pa.string()).take(pa.array(index, mask=mask))


def _array(values: object, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    array = np.asarray(values)
    if pa.types.is_timestamp(kind):
        return _instants(array)
    if pa.types.is_decimal(kind):
        return _money(array)
    return pa.array(array, kind, from_pandas=True)


def _instants(days: FloatArray) -> pa.Array:
    unknown = np.isnan(days)
    seconds = np.round(np.where(unknown, 0, days) * _SECONDS).astype(np.int64) + _EPOCH
    return pa.array(seconds * 1_000_000, pa.int64(), mask=unknown).cast(pa.timestamp("us"))


def _money(amount: FloatArray) -> pa.Array:
    """Return amounts in whole cents as decimals: 128-bit integers, low half and high half."""
    unknown = np.isnan(amount)
    units = np.round(np.where(unknown, 0, amount) * 100).astype(np.int64) * 100
    halves = np.stack([units, units >> 63], axis=1)
    known = None
    if unknown.any():
        known = pa.py_buffer(np.packbits(~unknown, bitorder="little"))
    return pa.Array.from_buffers(ARROW["money"], len(amount), [known, pa.py_buffer(halves)])
