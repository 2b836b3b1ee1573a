"""A published day graded by schemes that are not in use yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.parquet import read_frame
from features.schema import CATALOGUE, PREDICTIONS, FloatArray, IndicatorFrame
from tiering.assign import Decisions, decide
from tiering.policy import Scheme
from tiering.scores import Reference
from training.bundle import Bundle
from training.errors import DatasetError

BoolArray = npt.NDArray[np.bool_]

REVENUE = "net_amount_365d"


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Customers of one published day, with what is predicted of them.

    Attributes
    ----------
    values
        Indicator or prediction name to ``(n,)``; what the day does not tell is NaN.
    dormant
        ``(n,)`` customers the models do not cover; all False without a bundle.
    reference
        The customers themselves, frozen: both schemes are measured against them.
    """

    as_of: date
    customer_id: npt.NDArray[np.str_]
    values: dict[str, FloatArray]
    dormant: BoolArray
    reference: Reference

    def where(self, mask: BoolArray) -> Population:
        """Return the customers where ``mask`` ``(n,)`` is true; the reference stays."""
        return Population(
            self.as_of,
            self.customer_id[mask],
            {name: column[mask] for name, column in self.values.items()},
            self.dormant[mask],
            self.reference,
        )

    def decide(self, scheme: Scheme) -> Decisions:
        """Grade by a scheme."""
        return decide(scheme, self.reference, self.values, flags={"dormant": self.dormant})


def read_population(folder: Path, day: date | None, bundle: Bundle | None) -> Population:
    """Read a published day, the latest by default; without a bundle predictions are unknown.

    Raises
    ------
    DatasetError
        If the day is not published.
    """
    frame = read_frame(_file(folder, day))
    unknown = np.full(len(frame), np.nan)
    values = dict.fromkeys((*CATALOGUE, *PREDICTIONS), unknown)
    values |= {name: frame.column(name) for name in frame.columns}
    dormant = np.zeros(len(frame), dtype=np.bool_)
    if bundle is not None:
        table = _as_learned(frame, bundle)
        scores = bundle.score(table)
        dormant = scores.dormant
        told = bundle.indicator_values(table, scores, every=True)
        values |= {name: told[name] for name in PREDICTIONS}
    return Population(frame.as_of, frame.customer_id, values, dormant, Reference.fit(values))


def gradable(population: Population, schemes: Sequence[Scheme]) -> BoolArray:
    """Return the customers ``(n,)`` of whom every scheme knows at least one indicator."""
    mask = np.ones(len(population.customer_id), dtype=np.bool_)
    for scheme in schemes:
        known = [~np.isnan(population.values[name]) for name in scheme.indicators]
        mask &= np.logical_or.reduce(known)
    return mask


def _file(folder: Path, day: date | None) -> Path:
    files = {path.stem: path for path in sorted((folder / "indicators").glob("*.parquet"))}
    wanted = day.isoformat() if day else max(files, default="")
    if wanted not in files:
        days = list(files)
        raise DatasetError(
            f"There is no published frame of {wanted or 'any day'} in {folder.name}.",
            hint=f"Published days: {days[0]} to {days[-1]}."
            if days
            else "Give the folder that `tierwise features publish` wrote.",
        )
    return files[wanted]


def _as_learned(frame: IndicatorFrame, bundle: Bundle) -> FloatArray:
    """Return the values in the bundle's columns, NaN for a column of another catalogue."""
    table = np.full((len(frame), len(bundle.columns)), np.nan)
    for j, name in enumerate(bundle.columns):
        if name in frame.columns:
            table[:, j] = frame.column(name)
    return table
