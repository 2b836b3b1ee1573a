"""All indicators once more in pandas: what a data scientist would write in a notebook.

Vectorised group-bys over whole columns, nothing clever: strings stay strings, money is
float64, and every snapshot begins at the rows. It makes the same values as the product
(tests/features/test_pandas_twin.py), so it is an oracle too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import CONTRACT, SourceTable
from features.schema import CATALOGUE
from tests.benchmarks.pandas_twin_columns import ID, Columns, Frames
from tests.benchmarks.pandas_twin_events import event_indicators
from tests.benchmarks.pandas_twin_orders import order_indicators


def indicators(
    tables: Mapping[str, pd.DataFrame],
    as_of: datetime,
    known_at: datetime,
    *,
    versioned: Collection[str] = (),
) -> pd.DataFrame:
    """Return every catalogue indicator by customer, float64, sorted by customer.

    Parameters
    ----------
    tables
        All ten contract tables (:func:`read`).
    as_of, known_at
        The end of a day; the instant of knowledge.
    versioned
        Tables in which a key may occur in several versions.
    """
    seen = {
        name: visible(rows, CONTRACT[name], as_of, known_at, versioned=name in versioned)
        for name, rows in tables.items()
    }
    lines = seen["orders"]
    seen["orders"] = lines[~lines["is_cancelled"]]
    buyers = customers(seen["orders"])
    columns: Columns = event_indicators(seen, buyers)
    columns |= order_indicators(seen["orders"], buyers, columns)
    frame = pd.DataFrame({name: columns[name] for name in CATALOGUE}, index=buyers.index)
    zeros = {name: 0.0 for name, each in CATALOGUE.items() if each.null_policy == "zero"}
    return frame.astype("float64").fillna(zeros)


def visible(
    rows: pd.DataFrame,
    table: SourceTable,
    as_of: datetime,
    known_at: datetime,
    *,
    versioned: bool,
) -> pd.DataFrame:
    """Return what a snapshot sees of a table, with the age in days of each of its times."""
    rows = rows[~(rows["recorded_at"] > known_at)]  # one without a time is always known
    if versioned:
        rows = rows.sort_values("recorded_at").drop_duplicates(list(table.key), keep="last")
    rows = rows[~(rows[table.event_time] > as_of)].copy()
    later = {
        column.known_from: rows[column.known_from] > as_of
        for column in table.columns
        if column.known_from is not None
    }
    for column in table.columns:
        if column.known_from is not None and column.name in rows:
            rows[column.name] = rows[column.name].mask(later[column.known_from])
    today = pd.Timestamp(as_of).normalize()
    for time in table.of_kind("timestamp"):
        if time != "recorded_at":
            age = "age" if time == "occurred_at" else time.removesuffix("_at") + "_age"
            rows[age] = (today - rows[time].dt.normalize()).dt.days
    return rows


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    """Return first and last purchase day of everyone with a line that is not a return."""
    sold = lines[~lines["is_return"]]
    ages = sold.groupby(ID)["age"]
    return pd.DataFrame({"first_age": ages.max(), "last_age": ages.min()})


def read(folder: Path) -> Frames:
    """Read a folder of ingested sources: money as float64, without texts nobody counts."""
    tables = {}
    for name, table in CONTRACT.items():
        wanted = [column.name for column in table.columns if not column.pii]
        tables[name] = to_pandas(pq.read_table(folder / f"{name}.parquet", columns=wanted))
    return tables


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Convert a contract table; decimals become float64."""
    schema = pa.schema(
        [
            pa.field(f.name, pa.float64() if pa.types.is_decimal(f.type) else f.type)
            for f in table.schema
        ]
    )
    return table.cast(schema).to_pandas()
