"""The account of one customer's score in numbers: what ``serving.explain.explain`` says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from serving.alone_loops import ranks, shares, sides
from serving.domain.evidence import Evidence, Shape, shape_of
from serving.domain.grade import LayoutEntry
from serving.explain import Attribution, layout_of
from tiering.plan import plan_of
from tiering.sheet import ScoreOfOne
from training.bundle import Bundle


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Base and contributions of one score; the percentiles only for who asks for the evidence.

    Attributes
    ----------
    contributions
        ``(m,)`` in layout order.
    """

    base: float
    contributions: list[float]
    _scored: ScoreOfOne
    _known: Mapping[str, float]
    _form: _Form

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        scored: ScoreOfOne,
        known: Mapping[str, float],
        attributions: Mapping[str, Attribution],
    ) -> Account:
        """Split a score.

        Parameters
        ----------
        known
            Every indicator and prediction by name, NaN where unknown.
        attributions
            Of each prediction the scheme may weigh.
        """
        form = _FORMS.get(bundle)
        if form is None:
            form = _FORMS[bundle] = _Form.of(bundle, attributions)
        plan = plan_of(bundle.scheme, bundle.reference)
        points, weight = scored.points, scored.weight
        typical = list(plan.typical)
        ways = [_way(plan.points_of[k], attributions[name]) for k, name in form.handed]
        for (k, _), way in zip(form.handed, ways, strict=True):
            typical[k] = way.at_base
        # An indicator without data weighs nothing, whatever its typical points are.
        gain = [
            w * ((0.0 if p != p else p) - t)
            for w, p, t in zip(weight, points, typical, strict=True)
        ]
        contributions = [gain[k] for k in form.direct]
        for (k, _), way in zip(form.handed, ways, strict=True):
            contributions += way.shares(weight[k], gain[k])
        base = _sum([w * t for w, t in zip(weight, typical, strict=True)])
        return cls(base, contributions, scored, known, form)

    @property
    def layout(self) -> tuple[LayoutEntry, ...]:
        """``(m,)`` what each contribution stands for."""
        return self._form.shape.layout

    @property
    def shape(self) -> Shape:
        """The shape of the layout."""
        return self._form.shape

    def evidence(self) -> Evidence:
        """Return all the numbers that are told of a score."""
        form, scored, known = self._form, self._scored, self._known
        values = np.array([known.get(name, np.nan) for name in form.shape.indicators])
        found = np.empty(len(values))
        ranks(values, form.first, form.x, form.percentile, found)
        points = [None if p != p else p for p in scored.points]
        return Evidence(
            base=self.base,
            contributions=self.contributions,
            points={name: points[k] for name, k in form.weighed},
            weights={name: scored.weight[k] for name, k in form.weighed},
            percentiles=[None if rank != rank else rank for rank in found.tolist()],
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """What the accounts of all customers of a bundle have in common.

    Attributes
    ----------
    direct
        Positions of what the scheme weighs itself.
    handed
        Positions and names of the predictions whose points are handed on to their inputs.
    weighed
        ``(k,)`` names in the order of the shape, with their positions in the scheme.
    first, x, percentile
        Knots of the indicators of the shape, one after the other, and where each one's begin.
    """

    shape: Shape
    direct: tuple[int, ...]
    handed: tuple[tuple[int, str], ...]
    weighed: tuple[tuple[str, int], ...]
    first: npt.NDArray[np.int64]
    x: FloatArray
    percentile: FloatArray

    @classmethod
    def of(cls, bundle: Bundle, attributions: Mapping[str, Attribution]) -> _Form:
        """Make ready what takes longer than an account."""
        plan = plan_of(bundle.scheme, bundle.reference)
        handed = tuple((k, name) for k, name in enumerate(plan.indicator) if name in attributions)
        channels = tuple((name, attributions[name].names) for _, name in handed)
        layout, _ = layout_of(plan.indicator, plan.dimension, channels)
        shape, at = shape_of(layout), {name: k for k, name in enumerate(plan.indicator)}
        knots = [bundle.reference.knots.get(name) for name in shape.indicators]
        sizes = [0 if each is None else len(each.x) for each in knots]
        none = [np.empty(0)]
        return cls(
            shape=shape,
            direct=tuple(k for k, name in enumerate(plan.indicator) if name not in attributions),
            handed=handed,
            weighed=tuple((name, at[name]) for name in shape.weighed),
            first=np.cumsum([0, *sizes], dtype=np.int64),
            x=np.concatenate([*none, *(each.x for each in knots if each is not None)]),
            percentile=np.concatenate(
                [*none, *(each.percentile for each in knots if each is not None)]
            ),
        )


_FORMS: WeakKeyDictionary[Bundle, _Form] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """From a prediction's base to its points: what all that raises it adds, and what lowers it."""

    phi: FloatArray
    at_base: float
    rise: float
    fall: float
    up: float
    down: float

    def shares(self, weight: float, gain: float) -> list[float]:
        """Return what each input brings to the score, and what is left of the gain."""
        found = np.empty(len(self.phi) + 1)
        shares(self.phi, self.rise, self.fall, self.up, self.down, weight, gain, found)
        told: list[float] = found.tolist()
        return told


def _way(points_of: Callable[[float], float], attribution: Attribution) -> _Way:
    phi = attribution.phi[0]
    rise, fall = sides(phi)
    base = attribution.base_margin
    margins = np.array([base, base + rise + fall, base + rise, base + fall])
    at_base, at_end, with_rise, with_fall = map(points_of, attribution.value_at(margins).tolist())
    if at_base != at_base:  # the population has no data for the prediction
        return _Way(np.zeros(len(phi)), 0.0, 0.0, 0.0, 0.0, 0.0)
    up = 0.5 * (with_rise - at_base + at_end - with_fall)
    down = 0.5 * (with_fall - at_base + at_end - with_rise)
    return _Way(phi, at_base, rise, fall, up, down)


def _sum(terms: Sequence[float]) -> float:
    return reduce(add, terms, 0.0)  # sum() would compensate some day
