"""One customer as a model sees it, in a few calls: ``Correction.view`` and ``parts`` to the bit.

A what-if is one customer, and of one customer numpy's hundred calls take as long as of a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from features.schema import FloatArray
from training.models import baseline_loops, btyd
from training.models.alone_loops import see, split
from training.models.baseline import Baseline, PurchaseModel, constants_of, places_of
from training.models.boosting import Boosted
from training.models.design import BASELINE, Design, layout_of
from training.models.forest.forest import Forest
from training.models.linear import Linear
from training.recipe import Baseline as Mix

_NO_TERMS = (np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What the margin of one customer is made of, to be explained.

    Attributes
    ----------
    offset, trust
        What it starts from, and the trust in the trees.
    terms
        ``(m,)`` what each term of the regression adds.
    """

    offset: float
    trust: float
    terms: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """A correction ready for one customer of ``k`` indicators.

    Attributes
    ----------
    numbers
        ``(20,)`` constants of the purchase model, a, the mix, the horizon, the unit, level, half
        trust, and whether it starts from the log of the baseline.
    design
        The taken indicators, those in money, and the names and sources of the inputs.
    shares, ends
        Factor of each ensemble's margin, and the trees that each begins with.
    position
        ``(f,)`` where the source of each input stands among ``names``.
    terms
        Those of the regression, if there is one.
    mean
        Margin of the trees of a typical customer, with the level.
    """

    purchase: PurchaseModel
    horizon_days: int
    typical_offset: float
    names: tuple[str, ...]
    places: npt.NDArray[np.intp]
    numbers: FloatArray
    design: tuple[Any, Any, tuple[str, ...], tuple[str, ...]]
    forest: Forest
    shares: FloatArray
    ends: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    terms: tuple[npt.NDArray[np.int64], FloatArray, FloatArray, FloatArray] | None
    mean: float

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

        ``trees`` come with their shares. None where not all of them are compiled.
        """
        design = layout_of(columns)
        ready = [
            (share, each.forest)
            for share, each in trees
            if each.forest is not None and each.names == design[2]
        ]
        if len(ready) < len(trees):
            return None
        names = (*columns, BASELINE)
        at = {name: place for place, name in enumerate(names)}
        joined = Forest.side_by_side([forest for _, forest in ready])
        mean = level
        for share, forest in ready:
            mean += share * forest.trees.base
        numbers = (
            *constants_of(purchase.btyd, purchase.spend),
            btyd.transformed(purchase.btyd, 0.0, 0.0, 1.0)[0],
            *(mix.btyd_weight, mix.order_value_share, float(mix.min_observed_days)),
            *(float(horizon_days), scale, level, half_trust, float(is_ltv)),
        )
        terms = None
        if linear is not None:
            terms = linear.term, linear.centre, linear.scale, linear.weight
        return cls(
            purchase=purchase,
            horizon_days=horizon_days,
            typical_offset=typical_offset,
            names=names,
            places=places_of(columns),
            numbers=np.array(numbers, dtype=np.float64),
            design=design,
            forest=joined,
            shares=np.array([share for share, _ in ready]),
            ends=np.array(joined.ends, dtype=np.int64),
            position=np.array([at[source] for source in design[3]], dtype=np.int64),
            terms=terms,
            mean=mean,
        )

    def view(self, values: FloatArray) -> tuple[Baseline, Design, FloatArray, Split]:
        """Return the baseline, the inputs and the margin of ``(1, k)`` values."""
        fit = self.purchase.btyd
        given, start = np.empty((5, 1)), np.empty((6, 1))
        baseline_loops.inputs(values, self.places, given)
        x, weeks = given.item(0, 0), given.item(2, 0) / btyd.DAYS_PER_WEEK
        _, _, _, f21 = btyd.transformed(fit, x, weeks, self.horizon_days / btyd.DAYS_PER_WEEK)
        beta = betaln(fit.a, fit.b + btyd.chances(fit.kind, x))
        special = np.array([[beta], [gammaln(fit.r + x)], [f21]])
        taken, money, names, sources = self.design
        linear = self.terms or _NO_TERMS
        matrix, told = np.empty((1, len(names))), np.empty(len(linear[0]))
        view, found = np.empty(3 * len(names)), np.empty(3)
        see(
            *(values, given, special, self.numbers, taken, money, *linear),
            *(self.shares, self.ends, *self.forest.asked),
            *(start, matrix, told, view, found),
        )
        margin, offset, trust = found.tolist()
        if self.terms is not None:
            margin += np.add.reduce(told)
        made_of = Split(offset, trust, told)
        return Baseline(*start), Design(names, sources, matrix), np.array([margin]), made_of

    def phi(self, matrix: FloatArray, made_of: Split) -> FloatArray:
        """Return the parts of the margin by :attr:`names`, ``(1, k + 1)``."""
        found = np.empty((1, len(self.names)))
        trust, (term, *_) = made_of.trust, self.terms or _NO_TERMS
        rest = made_of.offset - self.typical_offset + (trust - 1.0) * self.mean
        shapley = self.forest.shapley_of_each(matrix)
        split(shapley, self.shares, trust, term, made_of.terms, self.position, rest, found)
        return found
