"""Health bands, and a health score where no model has learned one (#81, #82, #83, X3).

Two scores run from 0 to 100 and may be put into the bands. Where a health model is trained it
is the *chance to stay*, in percent: the model's own score ranks customers just the same, but
half of its indicators are ranks among customers, so half of all customers would always stand
below 60 (docs/adr/0020 has the figures). Without a model it is :func:`plain_health`: points on
fixed scales, weighted by the policy, with what is unknown left out and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from features.schema import CATALOGUE, FloatArray
from tiering.errors import Fault
from tiering.policy_text import parse_policy

UNKNOWN = -1
"""Band of a customer without a health score."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Band(_Frozen):
    """A band of health, from ``begin`` (inclusive) to where the next one begins (exclusive).

    Attributes
    ----------
    response_hours
        Hours to act; None in a band that needs no response.
    owner
        Role that acts.
    """

    id: str
    begin: float = Field(alias="from", ge=0.0, le=100.0)
    label_en: str
    label_zh: str
    response_hours: int | None = Field(default=None, gt=0)
    owner: str
    action_en: str
    action_zh: str


class Scale(_Frozen):
    """An indicator on a straight line from ``worst`` (0 points) to ``best`` (100)."""

    name: str
    worst: float = Field(allow_inf_nan=False)
    best: float = Field(allow_inf_nan=False)

    def points(self, value: FloatArray) -> FloatArray:
        """Return the points ``(n,)``, 0 to 100, of values ``(n,)``; NaN of NaN."""
        share = (value - self.worst) / (self.best - self.worst)
        return np.asarray(100.0 * np.clip(share, 0.0, 1.0))


class HealthDimension(_Frozen):
    """Some indicators under one name and weight."""

    id: str
    label_en: str
    label_zh: str
    weight: float = Field(gt=0.0, allow_inf_nan=False)
    indicators: tuple[Scale, ...] = Field(min_length=1)


class HealthPolicy(_Frozen):
    """Bands, the worst first, and the dimensions of the score without a model."""

    id: str
    version: str
    bands: tuple[Band, ...] = Field(min_length=2)
    dimensions: tuple[HealthDimension, ...] = Field(min_length=1)

    def band(self, score: FloatArray) -> npt.NDArray[np.intp]:
        """Return the index into ``bands`` of each score ``(n,)``; -1 for NaN."""
        begins = np.array([band.begin for band in self.bands])
        place = np.searchsorted(begins, score, side="right") - 1
        return np.asarray(np.where(np.isnan(score), UNKNOWN, place), dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class PlainHealth:
    """Health by fixed scales.

    Attributes
    ----------
    score
        ``(n,)`` 0 to 100; NaN where nothing is known.
    dimensions
        ``(n, d)`` points of each dimension; NaN where nothing of it is known.
    known
        ``(n,)`` share of the weights that was known, 0 to 1.
    """

    score: FloatArray
    dimensions: FloatArray
    known: FloatArray


def plain_health(policy: HealthPolicy, values: Mapping[str, FloatArray], n: int) -> PlainHealth:
    """Score ``n`` customers without a model.

    Parameters
    ----------
    values
        Indicator to ``(n,)`` values, NaN where unknown; an absent column is unknown for all.
    """
    points = np.column_stack([_mean_points(each, values, n) for each in policy.dimensions])
    there = np.isfinite(points)
    weights = np.array([each.weight for each in policy.dimensions])
    total = weighted_sum(there, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = weighted_sum(np.where(there, points, 0.0), weights) / total
    return PlainHealth(score, points, total / weights.sum())


def weighted_sum(columns: FloatArray | npt.NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """Return the weighted sum of columns ``(n, k)``, ``(n,)``, in the order of the columns.

    A matrix product adds up in another order for one row than for many, and by processor.
    """
    total = np.zeros(len(columns))
    for place, weight in enumerate(weights):
        total += weight * columns[:, place]
    return total


def _mean_points(
    dimension: HealthDimension, values: Mapping[str, FloatArray], n: int
) -> FloatArray:
    total, known = np.zeros(n), np.zeros(n)
    for scale in dimension.indicators:
        column = values.get(scale.name, np.full(n, np.nan))
        points = scale.points(column)
        there = np.isfinite(points)
        total += np.where(there, points, 0.0)
        known += there
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / known)


@cache
def packaged_health() -> HealthPolicy:
    """Return the policy of the package."""
    return parse_health((files("tiering") / "health.toml").read_text("utf-8"), origin="health")


def parse_health(text: str, *, origin: str = "health") -> HealthPolicy:
    """Read a policy from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        HealthPolicy,
        _faults,
        what="Health policy",
        origin=origin,
        pattern="tiering/health.toml",
    )


def _faults(policy: HealthPolicy) -> Iterator[Fault]:
    """Yield every fault: bands cover 0 to 100 in order; scales go the way of the catalogue."""
    begins = [band.begin for band in policy.bands]
    if begins[0] != 0.0 or any(a >= b for a, b in pairwise(begins)):
        yield Fault("bands.from", f"must begin with 0 and rise: {begins}.")
    scales = [scale for dimension in policy.dimensions for scale in dimension.indicators]
    for place, names in (
        ("bands.id", [band.id for band in policy.bands]),
        ("dimensions.id", [dimension.id for dimension in policy.dimensions]),
        ("dimensions.indicators", [scale.name for scale in scales]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield Fault(place, f"{name!r} stands {count} times.")
    for scale in scales:
        known = CATALOGUE.get(scale.name)
        place = f"dimensions.indicators.{scale.name}"
        if known is None:
            yield Fault(place, "is not in the catalogue.")
        elif (scale.best - scale.worst) * known.direction <= 0:
            yield Fault(
                place, f"from worst to best must go the way of its direction, {known.direction:+d}."
            )
