"""Indicator frames and outcomes as Parquet files, and files that are whole or absent.

Only pyarrow is needed to read them: training and serving never load the query engine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ContractError, SourceNotFoundError
from features.schema import FloatArray, IndicatorFrame

PART_SUFFIX = ".part"

_ROW_GROUP = 100_000

# Files of earlier versions lack them; publishing makes those files again.
_LATER_COLUMNS = ("contribution", "contract_lapsed")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the customers of one snapshot did in the horizon after it.

    Attributes
    ----------
    as_of
        Day of the snapshot; the horizon begins after it.
    horizon_days
        Length of the horizon.
    customer_id
        ``(n,)`` strings, sorted, unique: the customers of the indicator frame.
    churned
        ``(n,)`` bool: no purchase day in the horizon.
    net_value
        ``(n,)`` float64: net amount in the horizon, in the currency of the source.
    contribution
        ``(n,)`` float64: net amount minus rebates, cost, service and the cost of receivables;
        NaN where the source lacks what it is made of. Left out: unknown for everybody.
    contract_lapsed
        ``(n,)`` float64: 1 where a contract that ended in the horizon was not renewed, 0 where
        all were; NaN where none ended. Left out: unknown for everybody.
    """

    as_of: date
    horizon_days: int
    customer_id: npt.NDArray[np.str_]
    churned: npt.NDArray[np.bool_]
    net_value: FloatArray
    contribution: FloatArray = field(default_factory=lambda: np.empty(0))
    contract_lapsed: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name in _LATER_COLUMNS:
            if len(getattr(self, name)) != len(self):
                object.__setattr__(self, name, np.full(len(self), np.nan))

    def __len__(self) -> int:
        return len(self.customer_id)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it takes the place of ``path`` when the block succeeds.

    The file is flushed to disk before it is renamed, so a crash leaves the old file or
    the new one, and at worst a leftover ``.part`` beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_rows(rows: pa.RecordBatchReader, notes: Mapping[str, str], path: Path) -> int:
    """Write rows as they come, whole or not at all, and return how many there were.

    Row groups have a fixed length, so that the bytes do not depend on how the engine cut
    its batches; no more than one of them is held in memory.
    """
    metadata = {f"tierwise.{key}": value for key, value in notes.items()}
    schema = rows.schema.with_metadata(metadata)
    written = 0
    with (
        atomic_path(path) as part,
        pq.ParquetWriter(part, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        held: list[pa.RecordBatch] = []
        waiting = 0
        for batch in rows:
            held.append(batch)
            waiting += batch.num_rows
            while waiting >= _ROW_GROUP:
                table = pa.Table.from_batches(held, rows.schema).combine_chunks()
                writer.write_table(table.slice(0, _ROW_GROUP).cast(schema))
                written += _ROW_GROUP
                held = table.slice(_ROW_GROUP).to_batches()
                waiting -= _ROW_GROUP
        if waiting or not written:
            writer.write_table(pa.Table.from_batches(held, rows.schema).cast(schema))
            written += waiting
    return written


def write_frame(frame: IndicatorFrame, path: Path) -> None:
    """Write an indicator frame; NaN becomes null."""
    columns = {"customer_id": pa.array(frame.customer_id.tolist(), pa.string())}
    for position, name in enumerate(frame.columns):
        columns[name] = pa.array(frame.values[:, position], pa.float64(), from_pandas=True)
    _write(columns, {"as_of": frame.as_of.isoformat()}, path)


def read_frame(path: Path) -> IndicatorFrame:
    """Read an indicator frame.

    Raises
    ------
    SourceNotFoundError
        If the file is not there.
    ContractError
        If it is no indicator frame.
    """
    table, notes = _read(path, "as_of")
    names = tuple(name for name in table.column_names if name != "customer_id")
    return _frame(table, date.fromisoformat(notes["as_of"]), names)


def _frame(table: pa.Table, as_of: date, names: tuple[str, ...]) -> IndicatorFrame:
    values = np.empty((table.num_rows, len(names)), dtype=np.float64)
    for position, name in enumerate(names):
        values[:, position] = floats(table, name)
    return IndicatorFrame(as_of, strings(table, "customer_id"), names, values)


class FrameFile:
    """An indicator frame in its file: read some customers at a time, never as a whole.

    Raises
    ------
    SourceNotFoundError
        If the file is not there.
    ContractError
        If it is no indicator frame.
    """

    def __init__(self, path: Path) -> None:
        with _reading(path):
            self._file = pq.ParquetFile(path)
        schema = self._file.schema_arrow
        self.as_of = date.fromisoformat(_notes(path, schema, "as_of")["as_of"])
        self.columns = tuple(name for name in schema.names if name != "customer_id")

    def blocks(self, size: int) -> Iterator[IndicatorFrame]:
        """Yield the customers in their order, at most ``size`` at a time."""
        for batch in self._file.iter_batches(batch_size=size):
            yield _frame(pa.Table.from_batches([batch]), self.as_of, self.columns)

    def customers(self, size: int) -> Iterator[npt.NDArray[np.str_]]:
        """Yield their ids alone, in the same order."""
        for batch in self._file.iter_batches(batch_size=size, columns=["customer_id"]):
            yield strings(pa.Table.from_batches([batch]), "customer_id")

    def __len__(self) -> int:
        rows: int = self._file.metadata.num_rows
        return rows


def write_outcomes(outcomes: Outcomes, path: Path) -> None:
    """Write the outcomes of one snapshot and horizon."""
    columns = {
        "customer_id": pa.array(outcomes.customer_id.tolist(), pa.string()),
        "churned": pa.array(outcomes.churned, pa.bool_()),
        "net_value": pa.array(outcomes.net_value, pa.float64()),
        "contribution": pa.array(outcomes.contribution, pa.float64(), from_pandas=True),
        "contract_lapsed": pa.array(outcomes.contract_lapsed, pa.float64(), from_pandas=True),
    }
    notes = {"as_of": outcomes.as_of.isoformat(), "horizon_days": str(outcomes.horizon_days)}
    _write(columns, notes, path)


def read_outcomes(path: Path) -> Outcomes:
    """Read the outcomes of one snapshot and horizon.

    Raises
    ------
    SourceNotFoundError
        If the file is not there.
    ContractError
        If it holds no outcomes.
    """
    table, notes = _read(path, "as_of", "horizon_days")
    return Outcomes(
        as_of=date.fromisoformat(notes["as_of"]),
        horizon_days=int(notes["horizon_days"]),
        customer_id=strings(table, "customer_id"),
        churned=np.array(table["churned"].to_pylist(), dtype=np.bool_),
        net_value=floats(table, "net_value"),
        **{name: floats(table, name) for name in _LATER_COLUMNS if name in table.column_names},
    )


def strings(table: pa.Table, name: str) -> npt.NDArray[np.str_]:
    """Return a text column of an Arrow table, ``(n,)``."""
    return np.array(table[name].to_pylist(), dtype=np.str_)


def floats(table: pa.Table, name: str) -> FloatArray:
    """Return a number column of an Arrow table, ``(n,)``; null becomes NaN."""
    column = table[name].cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _write(columns: dict[str, pa.Array], notes: dict[str, str], path: Path) -> None:
    table = pa.table(columns).replace_schema_metadata(
        {f"tierwise.{k}": v for k, v in notes.items()}
    )
    with atomic_path(path) as part:
        pq.write_table(table, part, compression="zstd")


def _read(path: Path, *wanted: str) -> tuple[pa.Table, dict[str, str]]:
    with _reading(path):
        table = pq.read_table(path)
    return table, _notes(path, table.schema, *wanted)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell what is wrong with a file that cannot be read."""
    if not path.is_file():
        raise SourceNotFoundError(
            f"There is no published file {path}.",
            hint="Publish that snapshot first: tierwise features publish.",
            path=str(path),
        )
    try:
        yield
    except pa.ArrowException as error:
        raise ContractError(
            f"{path} cannot be read as Parquet: {error}",
            hint="Delete it and publish again.",
            path=str(path),
        ) from error


def _notes(path: Path, schema: pa.Schema, *wanted: str) -> dict[str, str]:
    metadata = schema.metadata or {}
    notes = {
        k: metadata[key].decode() for k in wanted if (key := f"tierwise.{k}".encode()) in metadata
    }
    if set(notes) != set(wanted):
        raise ContractError(
            f"{path} was not written by Tierwise, or for another purpose.",
            hint="Delete it and publish again.",
            path=str(path),
        )
    return notes
