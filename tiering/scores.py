"""The frozen reference population that scores are measured against.

A score must not move because other customers moved, so percentiles are those of the
population the bundle was trained on, stored as knots beside the model.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import CATALOGUE, PREDICTIONS, Direction, FloatArray, describe
from tiering.errors import PopulationError

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Knots:
    """Mid-rank percentiles of one indicator in the reference population.

    Attributes
    ----------
    x
        ``(m,)`` values, strictly increasing.
    percentile
        ``(m,)`` mid-rank percentile of each value, strictly increasing, 0 to 100.
    mean
        Mean percentile over the population.
    n
        Customers of the population in whom the indicator was measured.
    share
        ``(m,)`` share (0 to 1) of the population's total that customers up to each value hold,
        half of the ties counted; a loss counts 0. Of money only, else None.
    """

    x: FloatArray
    percentile: FloatArray
    mean: float
    n: int
    share: FloatArray | None = None

    def at(self, x: FloatArray) -> FloatArray:
        """Return percentiles ``(n,)``: linear between knots, flat outside, NaN stays NaN."""
        if self.x.size == 1:
            return np.where(np.isnan(x), np.nan, self.percentile[0])
        if x.size == 1:
            return np.array(self.at_one(x.item(0)), ndmin=x.ndim)
        # Only the inner knots are searched, so what lies outside falls to the outer lines.
        left = np.searchsorted(self.x[1:-1], x, side="right")
        line: FloatArray = np.minimum(np.maximum(x, self.x[0]), self.x[-1])
        line -= self.x[left]
        line /= (self.x[1:] - self.x[:-1])[left]
        line *= (self.percentile[1:] - self.percentile[:-1])[left]
        line += self.percentile[left]
        # p0 + (p1 - p0) may round to above p1; the minimum keeps the map monotone to the bit.
        np.minimum(line, self.percentile[1:][left], out=line)
        return line

    def at_one(self, value: float) -> float:
        """Return the percentile of one value: the steps of :meth:`at`, so the same bits.

        NumPy takes a microsecond for each of them, whether for one value or a thousand.
        """
        if value != value:
            return value
        x, percentile, last = self._listed
        if not last:
            return percentile[0]
        left = bisect_right(x, value, 1, last) - 1
        if value < x[0]:
            value = x[0]
        elif value > x[last]:
            value = x[last]
        begin, end = percentile[left], percentile[left + 1]
        line = (value - x[left]) / (x[left + 1] - x[left]) * (end - begin) + begin
        return line if line < end else end

    @cached_property
    def _listed(self) -> tuple[list[float], list[float], int]:
        return self.x.tolist(), self.percentile.tolist(), len(self.x) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Knots of every indicator that the reference population has data for."""

    knots: Mapping[str, Knots]

    @classmethod
    def fit(cls, values: Mapping[str, FloatArray], knots: int = 101) -> Reference:
        """Freeze a population.

        Parameters
        ----------
        values
            Indicator name to ``(n,)`` values; NaN (unknown) is left out. An indicator
            without any value gets no knots: it is switched off in this world.
        knots
            Percentile steps to bracket (at least 2). Percentiles of population members
            are exact within ``100 / (knots - 1)`` points, and exact when few values occur.

        Raises
        ------
        PopulationError
            If a value is infinite, or ``knots`` is below 2.
        """
        if knots < 2:
            raise PopulationError("A reference needs at least 2 knots.", knots=knots)
        fitted = {name: _fit(name, column, knots) for name, column in values.items()}
        return cls(MappingProxyType({name: k for name, k in fitted.items() if k is not None}))

    def __contains__(self, name: object) -> bool:
        return name in self.knots

    def mean_points(self, name: str, direction: Direction | None = None) -> float:
        """Return the mean points of an indicator over the reference population, 0 to 100.

        The zero line of explanations. NaN when the population has no data for it.

        Parameters
        ----------
        direction
            Which way is good; the catalogue's by default.
        """
        if name not in self.knots:
            return math.nan
        mean = self.knots[name].mean
        way = describe(name).direction if direction is None else direction
        return 100.0 - mean if way is Direction.LOWER_IS_BETTER else mean

    def value_share(self, name: str, x: FloatArray) -> FloatArray:
        """Return the percent of the population's total held by customers up to ``x``, ``(n,)``.

        The Lorenz curve as a function of the value (#51): linear between knots, NaN stays NaN.

        Raises
        ------
        PopulationError
            If the population has no shares of this indicator: it is no money, nobody has any,
            or the reference is from before shares were kept.
        """
        knots = self.knots[name]
        if knots.share is None:
            raise PopulationError(
                f"The reference population has no value shares of {name!r}.",
                hint="Weigh an indicator in money that somebody has, and train the bundle again.",
                indicator=name,
            )
        return 100.0 * np.interp(x, knots.x, knots.share)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able content; floats survive ``json`` to the last bit."""
        return {
            "format": FORMAT,
            "indicators": {
                name: {
                    "x": k.x.tolist(),
                    "percentile": k.percentile.tolist(),
                    "mean": k.mean,
                    "n": k.n,
                    **({} if k.share is None else {"share": k.share.tolist()}),
                }
                for name, k in self.knots.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Reference:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        PopulationError
            If the content is of another format or damaged.
        """
        if content.get("format") != FORMAT:
            raise PopulationError(
                f"Reference has format {content.get('format')!r}, this version reads {FORMAT}.",
                hint="Train the bundle again.",
            )
        return cls(
            MappingProxyType(
                {name: _read(name, row) for name, row in content["indicators"].items()}
            )
        )


def _fit(name: str, column: FloatArray, knots: int) -> Knots | None:
    known = np.asarray(column, dtype=np.float64)
    known = known[~np.isnan(known)]
    if known.size == 0:
        return None
    x, count = np.unique(known, return_counts=True)
    if not math.isfinite(float(x[-1]) - float(x[0])):
        raise PopulationError(
            f"Indicator {name!r} has infinite values in the reference population.",
            hint="Unknown values must be NaN.",
            indicator=name,
        )
    # Mid-rank: half of the ties count as below. A value shared by all lands on 50.
    percentile = 100.0 * (np.cumsum(count) - 0.5 * count) / known.size
    share = _value_share(name, x, count)
    if x.size > knots:
        # Keep both neighbours of every percentile step: a heavy tie then stays a knot of its
        # own, and no straight line bridges more than one step between values it skips.
        steps = np.linspace(percentile[0], percentile[-1], knots)
        upper = np.clip(np.searchsorted(percentile, steps), 1, x.size - 1)
        keep = np.union1d(upper - 1, upper)
        x, percentile = x[keep], percentile[keep]
        share = None if share is None else share[keep]
    kept = Knots(x, percentile, mean=math.nan, n=int(known.size))
    return Knots(x, percentile, mean=float(kept.at(known).mean()), n=kept.n, share=share)


def _value_share(name: str, x: FloatArray, count: npt.NDArray[np.intp]) -> FloatArray | None:
    if not (name in CATALOGUE or name in PREDICTIONS) or describe(name).unit != "money":
        return None
    held = np.maximum(x, 0.0) * count
    total = float(held.sum())
    return (np.cumsum(held) - 0.5 * held) / total if 0.0 < total < math.inf else None


def _read(name: str, row: Mapping[str, Any]) -> Knots:
    x = np.asarray(row["x"], dtype=np.float64)
    percentile = np.asarray(row["percentile"], dtype=np.float64)
    share = np.asarray(row["share"], dtype=np.float64) if "share" in row else None
    sound = (
        x.ndim == 1
        and x.shape == percentile.shape
        and x.size > 0
        and bool(np.isfinite(x).all())
        and bool((np.diff(x) > 0).all())
        and bool((np.diff(percentile) > 0).all())
        and bool(((percentile >= 0) & (percentile <= 100)).all())
        and (share is None or _rises_to_one(share, x.size))
    )
    if not sound:
        raise PopulationError(
            f"Reference knots of {name!r} are damaged: values and percentiles must both increase.",
            indicator=name,
        )
    return Knots(x, percentile, mean=float(row["mean"]), n=int(row["n"]), share=share)


def _rises_to_one(share: FloatArray, size: int) -> bool:
    return share.shape == (size,) and bool(
        ((share >= 0) & (share <= 1)).all() and (np.diff(share) >= 0).all()
    )
