"""Exact additive explanations of scores.

A score is ``sum(W_k p_k)`` over the scheme's indicators (effective weights, points). The
base is the score of a typical customer with the same weights: reference mean points for a
measured indicator, points at the model's base margin for a prediction. What an indicator
adds is ``c_k = W_k (p_k - base_k)``, so ``base + sum(c_k) == score``.

A prediction's ``c_k`` is handed on to the model's inputs by their SHAP values ``phi_j``
(log-odds, log money), which add up to ``margin - base margin``. The way from margin to
points is monotone but not straight, so the inputs that raise the margin (together ``P``)
and those that lower it (``N``) are two players of a Shapley game over that way ``f``::

    raise = 1/2 [ f(b+P) - f(b) + f(b+P-N) - f(b-N) ]
    lower = 1/2 [ f(b-N) - f(b) + f(b+P-N) - f(b+P) ]

and each side is split in proportion to ``phi_j``. The parts add up exactly, have the sign
of their ``phi_j`` and never exceed the span of points. (Dividing ``c_k`` by ``P - N``, as
the rescale rule does, blows up where large inputs cancel; where ``f`` is straight both are
the same.) What no input accounts for is an entry of the prediction's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Protocol

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from serving.domain.evidence import Evidence, account, indicators_of
from serving.domain.grade import Explanation, Grade, LayoutEntry
from tiering.assign import Decisions
from tiering.normalize import points
from tiering.plan import plan_of
from tiering.policy import IndicatorWeight
from tiering.scores import Reference

DIRECT = "direct"


class Attribution(Protocol):
    """SHAP values of one model by source indicator (``training.bundle.Attribution``)."""

    @property
    def names(self) -> tuple[str, ...]:
        """``(m,)`` source indicators."""

    @property
    def base_margin(self) -> float:
        """Margin of a typical customer."""

    @property
    def phi(self) -> FloatArray:
        """``(n, m)`` parts of ``margin - base_margin``."""

    @property
    def margin(self) -> FloatArray:
        """``(n,)``."""

    @property
    def ends(self) -> FloatArray | None:
        """``(6,)`` of one customer alone, where they are known already."""

    def value_at(self, margin: FloatArray) -> FloatArray:
        """Return the prediction at a margin, ``(n,)``; monotone."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanations:
    """Explanations of ``n`` scores, ``m`` entries each, over ``k`` weighed indicators.

    Attributes
    ----------
    layout
        ``(m,)`` what each entry stands for; the scheme's own indicators first.
    weighed
        ``(m,)`` column of ``points`` and ``weights`` that belongs to each entry.
    base
        ``(n,)``.
    contributions
        ``(n, m)`` score points.
    points, weights
        ``(n, k)`` as in ``tiering.composite.Composite``.
    percentiles
        By indicator ``(n,)``, 0 to 100, NaN where unknown.
    """

    layout: tuple[LayoutEntry, ...]
    weighed: npt.NDArray[np.intp]
    base: FloatArray
    contributions: FloatArray
    points: FloatArray
    weights: FloatArray
    percentiles: Mapping[str, FloatArray]

    def of(self, row: int, grade: Grade) -> Explanation:
        """Return the explanation of one grade, which must be the one of that row."""
        return account(grade, self.of_row(row), self.layout)

    def of_row(self, row: int) -> Evidence:
        """Return the numbers to keep of one row."""
        return next(self.evidence(slice(row, row + 1)))

    def evidence(self, rows: slice = slice(None)) -> Iterator[Evidence]:
        """Yield the numbers to keep of each row, made from arrays at once."""
        names = dict(zip((e.weighed for e in self.layout), self.weighed.tolist(), strict=True))
        columns = list(names.values())
        asked = indicators_of(self.layout)
        known = [name for name in asked if name in self.percentiles]
        # All at once: numpy takes as long to round one number as to round a hundred.
        rounded = np.round(np.array([self.percentiles[name][rows] for name in known]), 1)
        by_name = dict(zip(known, map(_known, rounded), strict=True))
        ranks = [by_name.get(name) for name in asked]
        for row, (base, contributions, points_of, weights_of) in enumerate(
            zip(
                self.base[rows].tolist(),
                self.contributions[rows].tolist(),
                self.points[rows][:, columns].tolist(),
                self.weights[rows][:, columns].tolist(),
                strict=True,
            )
        ):
            yield Evidence(
                base=base,
                contributions=contributions,
                points={n: None if p != p else p for n, p in zip(names, points_of, strict=True)},
                weights=dict(zip(names, weights_of, strict=True)),
                percentiles=[None if rank is None else rank[row] for rank in ranks],
            )


def explain(
    reference: Reference,
    decisions: Decisions,
    values: Mapping[str, FloatArray],
    attributions: Mapping[str, Attribution],
) -> Explanations:
    """Explain the scores behind decisions.

    Parameters
    ----------
    values
        What was decided on: indicator or prediction name to ``(n,)``.
    attributions
        Of each prediction the scheme may weigh.
    """
    scored = decisions.composite
    filled = np.nan_to_num(scored.points, nan=0.0)
    plan = plan_of(decisions.scheme, reference)
    own = plan.weighed
    typical = np.array(
        [
            _at_base(reference, i, attributions[i.name]) if i.name in attributions else mean
            for i, mean in zip(own, plan.typical, strict=True)
        ]
    )
    # An indicator without data weighs nothing, whatever its typical points are.
    gain = scored.weight * (filled - typical)

    layout, weighed = layout_of(
        plan.indicator,
        plan.dimension,
        tuple((name, attributions[name].names) for name in plan.indicator if name in attributions),
    )
    direct = [k for k, name in enumerate(plan.indicator) if name not in attributions]
    parts = [gain[:, direct]]
    for k, name in enumerate(plan.indicator):
        if name in attributions:
            shares = _handed_on(reference, own[k], attributions[name]) * scored.weight[:, k : k + 1]
            rest = gain[:, k] - _row_sum(shares)
            parts += [shares, rest[:, None]]

    return Explanations(
        layout=layout,
        weighed=weighed,
        base=_row_sum(scored.weight * typical),
        contributions=np.concatenate(parts, axis=1),
        points=scored.points,
        weights=scored.weight,
        percentiles={
            name: reference.knots[name].at(values[name])
            for name in indicators_of(layout)
            if name in reference and name in values
        },
    )


@lru_cache(maxsize=8)
def layout_of(
    indicator: tuple[str, ...],
    dimension: tuple[str, ...],
    channels: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[tuple[LayoutEntry, ...], npt.NDArray[np.intp]]:
    """Return what the contributions stand for, and the column ``(m,)`` that each belongs to.

    What the scheme weighs itself comes first, then each prediction's inputs and its own rest.

    Parameters
    ----------
    indicator, dimension
        ``(k,)`` names of what is weighed, and its dimensions.
    channels
        The predictions among them with the names of their inputs.
    """
    inputs = dict(channels)
    direct = [(k, LayoutEntry(n, DIRECT, dimension[k])) for k, n in enumerate(indicator)]
    found = [(k, entry) for k, entry in direct if entry.indicator not in inputs]
    for k, name in enumerate(indicator):
        if name in inputs:
            found += [(k, LayoutEntry(n, name, dimension[k])) for n in (*inputs[name], name)]
    weighed = np.array([k for k, _ in found], dtype=np.intp)
    weighed.flags.writeable = False
    return tuple(entry for _, entry in found), weighed


def concatenate(parts: Sequence[Explanations]) -> Explanations:
    """Join explanations of several groups of customers made by the same bundle."""
    first = parts[0]
    return Explanations(
        layout=first.layout,
        weighed=first.weighed,
        base=np.concatenate([p.base for p in parts]),
        contributions=np.concatenate([p.contributions for p in parts]),
        points=np.concatenate([p.points for p in parts]),
        weights=np.concatenate([p.weights for p in parts]),
        percentiles={
            name: np.concatenate([p.percentiles[name] for p in parts]) for name in first.percentiles
        },
    )


def _at_base(reference: Reference, indicator: IndicatorWeight, attribution: Attribution) -> float:
    """Return the points of a typical customer, 0 where the population has no data."""
    path = _points_at(reference, indicator, attribution.value_at)
    at_base = path(np.array([attribution.base_margin]))
    return float(np.nan_to_num(at_base, nan=0.0)[0])


def _points_at(
    reference: Reference, indicator: IndicatorWeight, value_at: Callable[[FloatArray], FloatArray]
) -> Callable[[FloatArray], FloatArray]:
    return lambda margin: points(reference, indicator, value_at(margin))


def _handed_on(
    reference: Reference, indicator: IndicatorWeight, attribution: Attribution
) -> FloatArray:
    """Return the points of a prediction that each input brings, ``(n, m)``."""
    f = _points_at(reference, indicator, attribution.value_at)
    phi = attribution.phi
    up, down = np.maximum(phi, 0.0), np.minimum(phi, 0.0)
    rise, fall = _row_sum(up), _row_sum(down)
    base = np.full(len(phi), attribution.base_margin)
    at_base, at_end = f(base), f(base + rise + fall)
    with_rise, with_fall = f(base + rise), f(base + fall)
    gain_up = 0.5 * (with_rise - at_base + at_end - with_fall)
    gain_down = 0.5 * (with_fall - at_base + at_end - with_rise)
    shares = _share(up, rise) * gain_up[:, None] + _share(down, fall) * gain_down[:, None]
    return np.nan_to_num(shares, nan=0.0)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return ``part / whole`` by row, 0 for a side without inputs."""
    safe = np.where(whole == 0.0, 1.0, whole)
    return np.where(whole[:, None] == 0.0, 0.0, part / safe[:, None])


def _row_sum(terms: FloatArray) -> FloatArray:
    # Term after term: a row's sum must not depend on how many rows are beside it.
    if len(terms) == 1:
        return np.array([reduce(add, terms[0].tolist(), 0.0)])  # sum() would compensate some day
    total = np.zeros(len(terms))
    for j in range(terms.shape[1]):
        total = total + terms[:, j]
    return total


def _known(column: FloatArray) -> list[float | None]:
    return [None if x != x else x for x in column.tolist()]
