"""A published snapshot as a bundle grades it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from features.manifest import Manifest
from features.parquet import read_frame
from features.schema import FloatArray, IndicatorFrame
from tiering.assign import Decisions
from training.bundle import Bundle
from training.errors import DatasetError
from training.scores import Scores


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """A frame with what the bundle says about its customers."""

    frame: IndicatorFrame
    scores: Scores
    decisions: Decisions


def published_days(folder: Path) -> dict[date, Path]:
    """Return the files of published snapshots by day, the earliest first."""
    entries = Manifest.load(folder).entries
    days = {
        date.fromisoformat(entry.as_of[:10]): folder / name
        for name, entry in entries.items()
        if entry.horizon_days is None
    }
    return dict(sorted(days.items()))


def chosen_days(published: Sequence[date], wanted: Sequence[date]) -> list[date]:
    """Return the wanted days in order; by default the last, and those one and two years before.

    A day near to a year before (within two weeks) will do, as snapshots are monthly.

    Raises
    ------
    DatasetError
        If a wanted day is not published, or none is.
    """
    if not published:
        raise DatasetError(
            "No snapshot is published.", hint="Publish first: tierwise features publish."
        )
    lacking = sorted(set(wanted) - set(published))
    if lacking:
        raise DatasetError(
            f"There is no published snapshot of {', '.join(map(str, lacking))}.",
            hint=f"Published days: {published[0]} to {published[-1]}.",
        )
    if wanted:
        return sorted(set(wanted))
    last = published[-1]
    found = {last}
    for years in (1, 2):
        near = min(published, key=lambda day: abs((last - day).days - 365 * years))
        if abs((last - near).days - 365 * years) <= 14:
            found.add(near)
    return sorted(found)


def grade_frame(bundle: Bundle, path: Path) -> Graded:
    """Read a frame and grade it.

    Raises
    ------
    DatasetError
        If the frame lacks columns of the bundle.
    """
    frame = read_frame(path)
    scores, decisions = bundle.decide(columns_of(bundle, frame))
    return Graded(frame, scores, decisions)


def columns_of(bundle: Bundle, frame: IndicatorFrame) -> FloatArray:
    """Return the bundle's columns of a frame, ``(n, k)``."""
    lacking = sorted(set(bundle.columns) - set(frame.columns))
    if lacking:
        raise DatasetError(
            f"The snapshot of {frame.as_of} lacks columns of the bundle.",
            hint="Publish again, or train again, with this version.",
            columns=lacking,
        )
    places = [frame.columns.index(name) for name in bundle.columns]
    values: FloatArray = np.ascontiguousarray(frame.values[:, places])
    return values
