"""One population graded by two schemes: what would change before anything does (#67)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.assign import Decisions
from tiering.condition import parse_condition
from tiering.errors import PopulationError
from tiering.policy import Scheme
from tiering.scores import Reference

IntArray = npt.NDArray[np.intp]

ENOUGH = 0.5
"""Share of a scheme's weight that needs data."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One scheme over the population.

    Attributes
    ----------
    size, revenue
        ``(t,)`` customers of each tier, and their share (0 to 1) of all revenue; NaN without
        revenue.
    referred
        Share (0 to 1) of the customers that go to the panel.
    switched_off
        Indicators the population has no data for.
    weight_without_data
        Share (0 to 1) of the scheme's weight that stands on them.
    blind
        What the scheme decides by and nobody has data for (:func:`decided_blindly`).
    """

    scheme: Scheme
    size: npt.NDArray[np.int64]
    revenue: FloatArray
    referred: float
    switched_off: tuple[str, ...]
    weight_without_data: float
    blind: tuple[str, ...]

    @property
    def poor(self) -> bool:
        """Whether most of the weight has no data."""
        return self.weight_without_data > ENOUGH


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """Two schemes over the same ``n`` customers.

    Attributes
    ----------
    matrix
        ``(t_before, t_after)`` customers.
    unchanged
        Share (0 to 1) whose tier stays: of the same id where both schemes have the same ids,
        else of the same place; None where they differ in number.
    movers
        ``(m,)`` rows of the customers who move farthest, as a part of the way from the best to
        the worst tier; of equals the larger revenue comes first.
    """

    before: Side
    after: Side
    matrix: npt.NDArray[np.int64]
    unchanged: float | None
    movers: IntArray

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able content, without the movers, who have names."""
        return {
            "before": _side(self.before),
            "after": _side(self.after),
            "matrix": self.matrix.tolist(),
            "unchanged": self.unchanged,
        }


def weight_without_data(scheme: Scheme, known: Container[str]) -> float:
    """Return the share (0 to 1) of a scheme's own weight that has no data in a population.

    Parameters
    ----------
    known
        Names the population has data for: a reference, or a set.
    """
    return sum(
        dimension.weight * indicator.weight
        for dimension in scheme.dimensions
        for indicator in dimension.indicators
        if indicator.name not in known
    )


def decided_blindly(scheme: Scheme, known: Container[str]) -> tuple[str, ...]:
    """Return what a scheme decides by without data: indicators of rules, dimensions of axes.

    Nobody can reach a tier that asks for them, and whoever might goes to the panel.

    Parameters
    ----------
    known
        As in :func:`weight_without_data`.
    """
    asked = {
        parse_condition(text).indicator: None
        for tier in scheme.tiers
        for every in tier.when or ()
        for text in every
    }
    axes = {axis.dimension for axis in scheme.axes or ()}
    empty = [
        dimension.id
        for dimension in scheme.dimensions
        if dimension.id in axes and not any(i.name in known for i in dimension.indicators)
    ]
    return (*(name for name in asked if name not in known), *empty)


def rehearse(
    before: Decisions,
    after: Decisions,
    reference: Reference,
    revenue: FloatArray,
    *,
    most: int = 20,
) -> Rehearsal:
    """Compare the decisions of two schemes about the same customers.

    Parameters
    ----------
    revenue
        ``(n,)`` money, NaN counts nothing.
    most
        How many movers to name.

    Raises
    ------
    PopulationError
        If the customers are not the same number, or none.
    """
    n = len(before.tier)
    if n == 0 or len(after.tier) != n or revenue.shape != (n,):
        raise PopulationError(
            f"Both schemes must grade the same customers, got {n} and {len(after.tier)}."
        )
    rows, columns = len(before.scheme.tiers), len(after.scheme.tiers)
    cells = np.bincount(before.tier * columns + after.tier, minlength=rows * columns)
    way = np.abs(before.tier / (rows - 1) - after.tier / (columns - 1))
    # lexsort: the last key counts most; equals keep their order.
    order = np.lexsort((-np.nan_to_num(revenue), -way))
    return Rehearsal(
        before=_of(before, reference, revenue),
        after=_of(after, reference, revenue),
        matrix=cells.reshape(rows, columns).astype(np.int64),
        unchanged=_unchanged(before, after),
        movers=order[: min(most, int((way > 0).sum()))],
    )


def _of(found: Decisions, reference: Reference, revenue: FloatArray) -> Side:
    tiers = len(found.scheme.tiers)
    money = np.nan_to_num(revenue)
    total = float(money.sum())
    held = np.bincount(found.tier, weights=money, minlength=tiers)
    return Side(
        scheme=found.scheme,
        size=np.bincount(found.tier, minlength=tiers).astype(np.int64),
        revenue=held / total if total > 0 else np.full(tiers, np.nan),
        referred=float(found.referred.mean()),
        switched_off=found.composite.switched_off,
        weight_without_data=weight_without_data(found.scheme, reference),
        blind=decided_blindly(found.scheme, reference),
    )


def _unchanged(before: Decisions, after: Decisions) -> float | None:
    ids = [[tier.id for tier in found.scheme.tiers] for found in (before, after)]
    if len(ids[0]) != len(ids[1]):
        return None
    if set(ids[0]) == set(ids[1]):
        place = np.array([ids[1].index(name) for name in ids[0]], dtype=np.intp)
        return float((place[before.tier] == after.tier).mean())
    return float((before.tier == after.tier).mean())


def _side(side: Side) -> dict[str, Any]:
    return {
        "scheme": side.scheme.id,
        "version": side.scheme.version,
        "sha256": side.scheme.sha256,
        "tiers": [
            {
                "id": tier.id,
                "label_en": tier.label_en,
                "label_zh": tier.label_zh,
                "customers": int(size),
                "revenue_share": None if np.isnan(share) else float(share),
            }
            for tier, size, share in zip(side.scheme.tiers, side.size, side.revenue, strict=True)
        ],
        "referred": side.referred,
        "switched_off": list(side.switched_off),
        "weight_without_data": side.weight_without_data,
        "decided_blindly": list(side.blind),
    }
