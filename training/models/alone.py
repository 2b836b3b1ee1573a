"""One customer as a model sees it, in a few calls: ``Correction.view`` and ``parts`` to the bit.

A what-if is one customer, and of one customer numpy's hundred calls take as long as of a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special.cython_special import betaln, gammaln, hyp2f1

from features.schema import FloatArray
from tiering.packed import WholeArray, packed
from training.models import btyd
from training.models.alone_loops import (
    BTYD_WEIGHT,
    HALF_TRUST,
    HORIZON,
    INPUTS,
    IS_LTV,
    LANES,
    LEAST_DAYS,
    LEVEL,
    MARGIN,
    MOST_TERMS,
    ORDER_SHARE,
    PREDICTION,
    SCALE,
    SMOOTH_A,
    dividing,
    see,
)
from training.models.baseline import Baseline, PurchaseModel, constants_of, places_of
from training.models.boosting import Boosted
from training.models.design import BASELINE, Design, layout_of
from training.models.forest.forest import Forest
from training.models.linear import Linear
from training.recipe import Baseline as Mix

_MOST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What the prediction for one customer is made of, to be explained.

    Attributes
    ----------
    prediction
        A probability or money.
    seen
        What ``alone_loops.see`` wrote.
    """

    prediction: float
    seen: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """A correction ready for one customer of ``k`` indicators.

    Attributes
    ----------
    names, sources
        Of the ``f`` inputs and where each comes from.
    parts
        ``(k + 1,)`` names of what the margin is split into: the indicators and the baseline.
    base
        Margin of a typical customer.
    terms, ensembles
        How many terms the regression has, and how many ensembles there are.
    whole, real
        All that the model is made of, for ``alone_loops``.
    dividing
        The loops that split a margin.
    """

    purchase: PurchaseModel
    horizon_days: int
    places: tuple[int, int]
    names: tuple[str, ...]
    sources: tuple[str, ...]
    parts: tuple[str, ...]
    base: float
    terms: int
    ensembles: int
    whole: WholeArray
    real: FloatArray
    dividing: tuple[Callable[..., None], ...]

    @classmethod
    def of(
        cls,
        columns: tuple[str, ...],
        purchase: PurchaseModel,
        mix: Mix,
        horizon_days: int,
        *,
        trees: Sequence[tuple[float, Boosted]],
        linear: Linear | None,
        scale: float,
        level: float,
        half_trust: float,
        typical_offset: float,
        is_ltv: bool,
    ) -> Alone | None:
        """Make ready what a ``training.models.correction.Correction`` is made of.

        ``trees`` come with their shares. None where not all of them are compiled
        or the regression is too long.
        """
        taken, money, inputs, sources = layout_of(columns)
        ready = [
            (share, each.forest)
            for share, each in trees
            if each.forest is not None and each.names == inputs
        ]
        if len(ready) < len(trees) or (linear and len(linear.term) > MOST_TERMS):
            return None
        parts = (*columns, BASELINE)
        at = {name: place for place, name in enumerate(parts)}
        joined = Forest.side_by_side([forest for _, forest in ready])
        mean = level
        for share, forest in ready:
            mean += share * forest.trees.base
        numbers = np.empty(IS_LTV + 1)
        numbers[:SMOOTH_A] = constants_of(purchase.btyd, purchase.spend)
        numbers[SMOOTH_A] = btyd.transformed(purchase.btyd, 0.0, 0.0, 1.0)[0]
        numbers[BTYD_WEIGHT] = mix.btyd_weight
        numbers[ORDER_SHARE] = mix.order_value_share
        numbers[LEAST_DAYS] = mix.min_observed_days
        numbers[HORIZON] = horizon_days
        numbers[SCALE] = scale
        numbers[LEVEL] = level
        numbers[HALF_TRUST] = half_trust
        numbers[IS_LTV] = is_ltv
        terms: list[npt.ArrayLike] = [[], [], [], []]
        if linear is not None:
            terms = [linear.term, linear.centre, linear.scale, linear.weight]
        first, column, threshold, missing_left, left, right, leaf = joined.asked
        feature, left_share, right_share, above, above_left, entry_share = joined.weighed
        of_lanes, places = joined.of_lanes, places_of(columns)
        by_lanes: list[npt.ArrayLike] = []
        for lanes in LANES:
            by_lanes += of_lanes.get(lanes, ([], joined.ends, 0))
        whole, real = packed(
            (
                *(places, taken, money, terms[0]),
                *([at[source] for source in sources], joined.ends),
                *(first, column, missing_left, left, right, feature, above, above_left),
                *by_lanes,
            ),
            (
                *(numbers, *terms[1:], [share for share, _ in ready], [typical_offset, mean]),
                *(threshold, leaf, left_share, right_share, entry_share),
            ),
        )
        return cls(
            purchase=purchase,
            horizon_days=horizon_days,
            places=(int(places[0]), int(places[2])),
            names=inputs,
            sources=sources,
            parts=parts,
            base=typical_offset + mean,
            terms=0 if linear is None else len(linear.term),
            ensembles=len(ready),
            whole=whole,
            real=real,
            dividing=tuple(dividing(lanes) for lanes in of_lanes or LANES[:1]),
        )

    def view(self, values: FloatArray) -> tuple[Baseline, Design, FloatArray, Split]:
        """Return the baseline, the inputs and the margin of ``(1, k)`` values."""
        inputs = len(self.names)
        found = np.empty(INPUTS + inputs + self.terms)
        see(values, *self._special(values), self.whole, self.real, found)
        start = Baseline(*found[:MARGIN].reshape(MARGIN, 1))
        matrix = found[INPUTS : INPUTS + inputs].reshape(1, inputs)
        design = Design(self.names, self.sources, matrix)
        return start, design, found[MARGIN : MARGIN + 1], Split(found.item(PREDICTION), found)

    def divide(self, made_of: Split) -> tuple[FloatArray, FloatArray]:
        """Return the parts of the margin by :attr:`parts`, ``(1, k + 1)``, and their ends."""
        found = np.empty(len(self.parts) + 6)
        each = np.zeros((1, self.ensembles, len(self.names)))
        for divide in self.dividing:
            divide(self.whole, self.real, made_of.seen, each, found)
        return found[:-6].reshape(1, -1), found[-6:]

    def _special(self, values: FloatArray) -> tuple[float, float, float]:
        """Return the functions of ``baseline_loops.baseline`` that only scipy has."""
        fit, (bought, tenure) = self.purchase.btyd, self.places
        x, weeks = _gain(values.item(0, bought)), _gain(values.item(0, tenure))
        weeks /= btyd.DAYS_PER_WEEK
        h = self.horizon_days / btyd.DAYS_PER_WEEK
        # the steps of `btyd.transformed`; of a number alone, scipy's own function is quicker
        a = self.real.item(SMOOTH_A)
        z = h / (fit.alpha + weeks + h)
        top = a + fit.b + btyd.chances(fit.kind, x) - 1.0
        beta = betaln(fit.a, fit.b + btyd.chances(fit.kind, x))
        f21 = hyp2f1(top - fit.r - x, a - 1.0, top, z)
        return beta, gammaln(fit.r + x), f21


def _gain(x: float) -> float:
    """0 where unknown or below, and finite, as in ``baseline_loops.inputs``."""
    return min(x, _MOST) if x > 0.0 else 0.0
