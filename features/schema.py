"""The indicator catalogue and the in-memory indicator frame; no query engine here.

The catalogue itself is data (``catalogue/*.toml``): an indicator is described in one
place, and pages, model cards, explanations and oracles read it from there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum, StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Dimension(StrEnum):
    """The five dimensions of grading (requirement #38)."""

    VALUE = "value"
    POTENTIAL = "potential"
    RISK = "risk"
    STRATEGIC = "strategic"
    DYNAMIC = "dynamic"


class Direction(IntEnum):
    """Which way is good for the customer's grade."""

    HIGHER_IS_BETTER = 1
    NEUTRAL = 0
    LOWER_IS_BETTER = -1


@dataclass(frozen=True, slots=True)
class Indicator:
    """One measured fact about a customer at a snapshot.

    Attributes
    ----------
    name
        Column name; carries window or unit as suffix.
    dimension
        The dimension it belongs to.
    unit
        ``money`` (currency of the source), ``count``, ``days``, ``rate`` (0 to 1; a margin
        may be below 0), ``change`` (-1 to 1), ``ratio`` (0 and up) or ``score`` (0 to 100).
    direction
        Which way is good.
    window
        Trailing observation window (``90d``, ``12m``, ``all``) ending at ``as_of``.
    null_policy
        ``zero``: no event means 0 once the source table exists. ``unknown``: no event
        means null, and the grade renormalises without it.
    source
        Contract columns it is computed from, ``table.column``.
    requirement
        Row of the requirements it answers.
    pii
        Whether the value identifies a person.
    label_en, label_zh
        Names for people.
    assessment
        Kind of the assessments whose latest value in the window it is; such an indicator
        needs no code (#33). None for a computed one.
    model_input
        Whether models learn from it. What is the same, or nearly, for all customers of a
        snapshot would teach them the day instead of the customer.
    """

    name: str
    dimension: Dimension
    unit: Literal["money", "count", "days", "rate", "change", "ratio", "score"]
    direction: Direction
    window: str
    null_policy: Literal["zero", "unknown"]
    source: tuple[str, ...]
    requirement: str
    pii: bool
    label_en: str
    label_zh: str
    assessment: str | None = None
    model_input: bool = True


def _read(name: str) -> tuple[Indicator, ...]:
    document = tomllib.loads((files("features") / "catalogue" / f"{name}.toml").read_text("utf-8"))
    given = {} if name == "predictions" else {"dimension": name}
    return tuple(_indicator(given | row) for entries in document.values() for row in entries)


def _indicator(row: Mapping[str, Any]) -> Indicator:
    return Indicator(
        name=row["name"],
        dimension=Dimension(row["dimension"]),
        unit=row["unit"],
        direction=Direction(row["direction"]),
        window=row["window"],
        null_policy=row["null_policy"],
        source=tuple(row["source"]),
        requirement=row["requirement"],
        pii=row.get("pii", False),
        label_en=row["label_en"],
        label_zh=row["label_zh"],
        assessment=row.get("assessment"),
        model_input=row.get("model_input", True),
    )


def _by_name(*indicators: Indicator) -> Mapping[str, Indicator]:
    return MappingProxyType({indicator.name: indicator for indicator in indicators})


CATALOGUE: Mapping[str, Indicator] = _by_name(
    *(i for dimension in Dimension for i in _read(dimension))
)
"""Indicators measured from the sources, by name, in catalogue order."""

PREDICTIONS: Mapping[str, Indicator] = _by_name(*_read("predictions"))
"""Model outputs that enter the grade as indicators, by name."""


def describe(name: str) -> Indicator:
    """Return the catalogue entry of an indicator or a prediction.

    Raises
    ------
    KeyError
        If neither catalogue has the name.
    """
    return CATALOGUE[name] if name in CATALOGUE else PREDICTIONS[name]


def names(dimension: Dimension) -> tuple[str, ...]:
    """Return the catalogue's indicator names of one dimension, in catalogue order."""
    return tuple(i.name for i in CATALOGUE.values() if i.dimension is dimension)


@dataclass(frozen=True, slots=True)
class IndicatorFrame:
    """Indicators of all customers at one snapshot, in memory.

    Attributes
    ----------
    as_of
        Last day the indicators look at.
    customer_id
        ``(n,)`` strings, sorted, unique.
    columns
        ``(k,)`` indicator names, catalogue order.
    values
        ``(n, k)`` float64; NaN means unknown.
    """

    as_of: date
    customer_id: npt.NDArray[np.str_]
    columns: tuple[str, ...]
    values: FloatArray

    def column(self, name: str) -> FloatArray:
        """Return one indicator, ``(n,)``."""
        return self.values[:, self.columns.index(name)]

    def blocks(self, size: int) -> Iterator[IndicatorFrame]:
        """Yield the customers in their order, ``size`` at a time."""
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            yield replace(self, customer_id=self.customer_id[rows], values=self.values[rows])

    def customers(self, size: int) -> Iterator[npt.NDArray[np.str_]]:
        """Yield their ids alone, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.customer_id[start : start + size]

    def __len__(self) -> int:
        return len(self.customer_id)


class Frames(Protocol):
    """Indicators of all customers at one snapshot, whether in memory or in a file."""

    @property
    def as_of(self) -> date:
        """Last day the indicators look at."""

    @property
    def columns(self) -> tuple[str, ...]:
        """``(k,)`` indicator names, catalogue order."""

    def blocks(self, size: int) -> Iterator[IndicatorFrame]:
        """Yield the customers in their order, at most ``size`` at a time."""

    def customers(self, size: int) -> Iterator[npt.NDArray[np.str_]]:
        """Yield their ids alone, in the same order."""

    def __len__(self) -> int:
        """Return the number of customers."""
