"""What of a scheme and its reference population is the same for every customer.

A what-if grades one customer: what would be put together again each time took longer than the
grading.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.lifecycles.lifecycle import Lifecycle
from tiering.lifecycles.lifecycle_file import load_lifecycle
from tiering.normalize import GIVEN, kind_of, points_of_one, typical_points
from tiering.packed import WholeArray, packed
from tiering.policy import IndicatorWeight, Scheme
from tiering.scores import Knots, Reference

BoolArray = npt.NDArray[np.bool_]

_NO_KNOTS = Knots(np.empty(0), np.empty(0), mean=0.0, n=0)

_MOST = 8
"""Plans kept: more schemes than are graded by at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to grade by a scheme of ``k`` indicators in ``d`` dimensions and ``s - 1`` stages.

    Attributes
    ----------
    weighed
        ``(k,)`` in scheme order.
    indicator, dimension
        ``(k,)`` their names, and the id of each one's dimension.
    dimensions
        ``(d,)`` ids.
    parts
        ``(d,)`` positions of the indicators of each dimension.
    available
        ``(k,)`` whether the reference population has data for the indicator.
    of_dimension, of_indicator
        ``(s, d)`` and ``(s, k)`` shares by :func:`own_weights`.
    possible
        ``(s, k)`` weights in the score if all is known that this population has.
    points_of
        ``(k,)`` points of one value.
    given
        Positions of indicators whose points are not found among percentiles.
    whole, real
        The knots and the tables for ``tiering.sheet_loops.score_one``.
    typical
        ``(k,)`` mean points over the population, 0 where it has no data.
    by_score, asked
        Whether the score alone decides, without segments; and the names of the indicators.
    switched_off
        Indicators that the reference population has no data for at all.
    cuts
        ``(t,)`` as in the scheme.
    lifecycle, row_of_stage
        The policy whose stages have weights of their own, and the row of each of its stages.
    """

    scheme: Scheme
    reference: Reference
    weighed: tuple[IndicatorWeight, ...]
    indicator: tuple[str, ...]
    dimension: tuple[str, ...]
    dimensions: tuple[str, ...]
    parts: tuple[range, ...]
    available: BoolArray
    of_dimension: FloatArray
    of_indicator: FloatArray
    possible: FloatArray
    points_of: tuple[Callable[[float], float], ...]
    given: tuple[int, ...]
    whole: WholeArray
    real: FloatArray
    typical: tuple[float, ...]
    by_score: bool
    asked: frozenset[str]
    switched_off: tuple[str, ...]
    cuts: FloatArray
    lifecycle: Lifecycle | None
    row_of_stage: npt.NDArray[np.intp]

    @classmethod
    def of(cls, scheme: Scheme, reference: Reference) -> Plan:
        """Make the plan of a scheme; :func:`plan_of` keeps those in use."""
        weighed = tuple(i for each in scheme.dimensions for i in each.indicators)
        ends = list(accumulate((len(each.indicators) for each in scheme.dimensions), initial=0))
        parts = tuple(range(start, end) for start, end in pairwise(ends))
        available = np.array([i.name in reference for i in weighed])
        of_dimension, of_indicator = own_weights(scheme)
        possible = _possible(parts, available, of_dimension, of_indicator)
        means = [typical_points(reference, i) for i in weighed]
        kinds = [kind_of(reference, i) for i in weighed]
        knots = [reference.knots[i.name] if i.name in reference else _NO_KNOTS for i in weighed]
        whole, real = packed(
            [kinds, ends, list(accumulate((len(each.x) for each in knots), initial=0))],
            [
                np.concatenate([each.x for each in knots]),
                np.concatenate([each.percentile for each in knots]),
                *(of_dimension, of_indicator, possible),
            ],
        )
        stages = scheme.stages
        policy = load_lifecycle(stages.lifecycle) if stages else None
        row = {e.stage: number for number, e in enumerate(stages.weights if stages else (), 1)}
        return cls(
            scheme=scheme,
            reference=reference,
            weighed=weighed,
            indicator=tuple(i.name for i in weighed),
            dimension=tuple(d.id for d in scheme.dimensions for _ in d.indicators),
            dimensions=tuple(d.id for d in scheme.dimensions),
            parts=parts,
            available=available,
            of_dimension=of_dimension,
            of_indicator=of_indicator,
            possible=possible,
            points_of=tuple(points_of_one(reference, i) for i in weighed),
            given=tuple(j for j, kind in enumerate(kinds) if kind == GIVEN),
            whole=whole,
            real=real,
            typical=tuple(0.0 if mean != mean else mean for mean in means),
            by_score=scheme.decider == "score" and scheme.segments is None,
            asked=frozenset(i.name for i in weighed),
            switched_off=tuple(i.name for i in weighed if i.name not in reference),
            cuts=np.array(scheme.cuts),
            lifecycle=policy,
            row_of_stage=np.array(
                [row.get(stage.id, 0) for stage in (policy.stages if policy else ())], dtype=np.intp
            ),
        )


_KEPT: dict[tuple[int, int], Plan] = {}
_LOCK = threading.Lock()


def plan_of(scheme: Scheme, reference: Reference) -> Plan:
    """Return the plan of a scheme and a population; of those used before, the same one.

    Both are frozen, so the same objects have the same plan; a plan holds them, so their numbers
    are given to no others meanwhile.
    """
    key = id(scheme), id(reference)
    found = _KEPT.get(key)
    if found is None:
        found = Plan.of(scheme, reference)
        with _LOCK:
            _KEPT[key] = found
            while len(_KEPT) > _MOST:
                del _KEPT[next(iter(_KEPT))]
    return found


def own_weights(scheme: Scheme) -> tuple[FloatArray, FloatArray]:
    """Return shares ``(s, d)`` of dimensions and ``(s, k)`` of indicators inside them.

    The first row is the scheme's own, the others are those of its stages in order.
    """
    outer = {dimension.id: dimension.weight for dimension in scheme.dimensions}
    inner = {d.id: {i.name: i.weight for i in d.indicators} for d in scheme.dimensions}
    rows = [(outer, inner)]
    for entry in scheme.stages.weights if scheme.stages else ():
        rows.append((dict(entry.dimensions or outer), {**inner, **_dicts(entry.indicators)}))
    dimensions = [[row[0][d.id] for d in scheme.dimensions] for row in rows]
    indicators = [
        [row[1][d.id][i.name] for d in scheme.dimensions for i in d.indicators] for row in rows
    ]
    return np.array(dimensions, dtype=np.float64), np.array(indicators, dtype=np.float64)


def positive(total: FloatArray) -> FloatArray:
    """Return what to divide by: 1 where there is nothing to divide."""
    return np.where(total > 0, total, 1.0)


def sum_of(terms: Sequence[FloatArray], n: int) -> FloatArray:
    """Return the sum ``(n,)`` term after term: numpy's own may go by the number of rows."""
    total = np.zeros(n)
    for term in terms:
        total += term
    return total


def _dicts(shares: Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    return {dimension: dict(given) for dimension, given in (shares or {}).items()}


def _possible(
    parts: Sequence[range], available: BoolArray, of_dimension: FloatArray, of_indicator: FloatArray
) -> FloatArray:
    """Return the weights in the score ``(s, k)`` where all that is available is known."""
    inside = np.where(available, of_indicator, 0.0)
    outer = []
    for d, part in enumerate(parts):
        total = sum_of([inside[:, j] for j in part], len(inside))
        inside[:, part.start : part.stop] /= positive(total)[:, None]
        outer.append(np.where(total > 0, of_dimension[:, d], 0.0))
    whole = positive(sum_of(outer, len(inside)))
    for share, part in zip(outer, parts, strict=True):
        inside[:, part.start : part.stop] *= (share / whole)[:, None]
    return inside
