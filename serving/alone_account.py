"""The account of one customer's score in numbers: what ``serving.explain.explain`` says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from serving.alone_loops import ranks, settle
from serving.domain.evidence import Evidence, Shape, shape_of
from serving.domain.grade import LayoutEntry
from serving.explain import Attribution, layout_of
from tiering.plan import plan_of
from tiering.sheet import ScoreOfOne
from tiering.sides import sides
from training.bundle import Bundle


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Base and contributions of one score; the percentiles only for who asks for the evidence.

    Attributes
    ----------
    contributions
        ``(m,)`` in layout order.
    sums
        Of each indicator in each dimension, as ``Shape.dimensions`` has them.
    """

    base: float
    contributions: list[float]
    sums: list[float]
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
        typical = list(plan.typical)
        ways: list[float] = []
        for k, name in form.handed:
            typical[k], way = _way(plan.points_of[k], attributions[name])
            ways += way
        numbers = np.array([*scored.weight, *scored.points, *typical, *ways])
        phi = [attributions[name].phi[0] for _, name in form.handed]
        found = np.empty(form.told)
        settle(numbers, np.concatenate(phi or [found[:0]]), *form.places, found)
        told: list[float] = found.tolist()
        entries = len(form.shape.layout) + 1
        return cls(told[0], told[1:entries], told[entries:], scored, known, form)

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
    handed
        Positions and names of the predictions whose points are handed on to their inputs.
    weighed
        ``(k,)`` names in the order of the shape, with their positions in the scheme.
    places
        Positions of what is told as it is and of what is handed on, and the sum of each entry.
    told
        How many numbers an account has.
    first, x, percentile
        Knots of the indicators of the shape, one after the other, and where each one's begin.
    """

    shape: Shape
    handed: tuple[tuple[int, str], ...]
    weighed: tuple[tuple[str, int], ...]
    places: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
    told: int
    first: npt.NDArray[np.int64]
    x: FloatArray
    percentile: FloatArray

    @classmethod
    def of(cls, bundle: Bundle, attributions: Mapping[str, Attribution]) -> _Form:
        """Make ready what takes longer than an account."""
        plan = plan_of(bundle.scheme, bundle.reference)
        direct = [k for k, name in enumerate(plan.indicator) if name not in attributions]
        handed = tuple((k, name) for k, name in enumerate(plan.indicator) if name in attributions)
        channels = tuple((name, attributions[name].names) for _, name in handed)
        layout, _ = layout_of(plan.indicator, plan.dimension, channels)
        shape, at = shape_of(layout), {name: k for k, name in enumerate(plan.indicator)}
        knots = [bundle.reference.knots.get(name) for name in shape.indicators]
        sizes = [0 if each is None else len(each.x) for each in knots]
        none = [np.empty(0)]
        return cls(
            shape=shape,
            handed=handed,
            weighed=tuple((name, at[name]) for name in shape.weighed),
            places=(
                np.array(direct, dtype=np.int64),
                np.array([k for k, _ in handed], dtype=np.int64),
                np.array(shape.sum_at, dtype=np.int64),
            ),
            told=1 + len(layout) + sum(len(each.indicators) for each in shape.dimensions),
            first=np.cumsum([0, *sizes], dtype=np.int64),
            x=np.concatenate([*none, *(each.x for each in knots if each is not None)]),
            percentile=np.concatenate(
                [*none, *(each.percentile for each in knots if each is not None)]
            ),
        )


_FORMS: WeakKeyDictionary[Bundle, _Form] = WeakKeyDictionary()


def _way(
    points_of: Callable[[float], float], attribution: Attribution
) -> tuple[float, tuple[float, float, float, float]]:
    """Return the points at a prediction's base, and how the rest comes about.

    That is what raises the margin in sum and what lowers it, and the points that each brings.
    """
    rise, fall, *predictions = _ends(attribution)
    at_base, at_end, with_rise, with_fall = map(points_of, predictions)
    if at_base != at_base:  # the population has no data for the prediction
        return 0.0, (0.0, 0.0, 0.0, 0.0)
    up = 0.5 * (with_rise - at_base + at_end - with_fall)
    down = 0.5 * (with_fall - at_base + at_end - with_rise)
    return at_base, (rise, fall, up, down)


def _ends(attribution: Attribution) -> list[float]:
    if attribution.ends is not None:
        found: list[float] = attribution.ends.tolist()
        return found
    rise, fall = sides(attribution.phi[0])
    base = attribution.base_margin
    margins = np.array([base, base + rise + fall, base + rise, base + fall])
    return [rise, fall, *attribution.value_at(margins).tolist()]
