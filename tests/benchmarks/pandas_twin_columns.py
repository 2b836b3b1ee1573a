"""Arithmetic of the pandas twin on columns indexed by customer."""

from __future__ import annotations

import pandas as pd

ID = "customer_id"

Frames = dict[str, pd.DataFrame]
Columns = dict[str, pd.Series]


def window(rows: pd.DataFrame, days: int, *, ending: int = 0) -> pd.DataFrame:
    """Return the rows of the ``days`` days that end ``ending`` days before the snapshot."""
    return rows[(rows["age"] >= ending) & (rows["age"] < ending + days)]


def total(rows: pd.DataFrame, column: str) -> pd.Series:
    """Add up money by customer; the rounding takes the dust of binary fractions away."""
    return rows.groupby(ID)[column].sum().round(4)


def count(rows: pd.DataFrame) -> pd.Series:
    """Count rows by customer."""
    return rows.groupby(ID).size()


def ratio(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """Divide; unknown where the denominator is 0."""
    return numerator / denominator.where(denominator != 0)


def positive(column: pd.Series) -> pd.Series:
    """Return the column where it is above 0, unknown elsewhere."""
    return column.where(column > 0)


def change(now: pd.Series, before: pd.Series) -> pd.Series:
    """Return (now - before) / (|now| + |before|); a missing side is 0."""
    step = now.sub(before, fill_value=0)
    return ratio(step, now.abs().add(before.abs(), fill_value=0))
