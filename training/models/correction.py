"""The shape of both models: a start that keeps the customer's scale, and trees that correct it.

margin = offset + regression + trust · (level + Σ share · trees). LTV starts from the log of the
baseline's expected spend, churn from a logistic regression; every part is a sum over
indicators, so the margin can be explained to the last digit.

The trust in a correction falls with the size of the account: trees learn from the many, and a
factor that suits the many is a bold claim about the one account that is forty times as large.
It is the credibility factor of insurance (Bühlmann 1967) with the size in the place of the
variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.compiled import available
from training.dataset import TrainingSet
from training.models import portable
from training.models.baseline import Baseline, PurchaseModel, baseline
from training.models.blocks import add_columns, blocks
from training.models.boosting import QUADRATURE, Boosted, common
from training.models.design import BASELINE, Design, build
from training.models.linear import Linear
from training.recipe import Baseline as Mix
from training.recipe import TargetName
from training.scores import MarginParts

if TYPE_CHECKING:
    from training.models.alone import Alone, Split

# Rows whose margins are computed at a time, of a set that may have millions.
_MARGIN_ROWS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How a model sees ``n`` customers: their baseline, the inputs, and the margin ``(n,)``.

    ``split`` is kept of one customer alone (``training/models/alone.py``).
    """

    start: Baseline
    design: Design
    margin: FloatArray
    split: Split | None = None


class Views(NamedTuple):
    """How the two models behind a grade see the same customers."""

    churn: View
    ltv: View


@dataclass(frozen=True)
class Correction:
    """One fitted model up to its margin.

    Attributes
    ----------
    target
        ``churn`` or ``ltv``: decides what the offset is.
    horizon_days
        Horizon of the prediction.
    purchase
        The purchase model behind the baseline.
    mix
        How the LTV baseline is mixed.
    scale
        Money unit the models were fitted in, the mean baseline: they are then the same
        for every currency.
    linear
        The regression; None for LTV, whose baseline needs none.
    trees
        Ensembles by name.
    shares
        Factor of each ensemble's margin, by the same names.
    level
        Added to every margin.
    typical_offset
        Mean offset of the customers fitted on; the baseline's contribution counts from
        there, so ``base_margin`` is the margin of a typical customer.
    half_trust
        Baseline, in units of :attr:`scale`, at which a correction counts half; 0: all count
        whole.
    """

    target: TargetName
    horizon_days: int
    purchase: PurchaseModel
    mix: Mix
    scale: float
    linear: Linear | None
    trees: Mapping[str, Boosted]
    shares: Mapping[str, float]
    level: float
    typical_offset: float
    half_trust: float = 0.0

    def baseline(self, columns: Sequence[str], values: FloatArray) -> Baseline:
        """Return the baseline of ``(n, k)`` customers."""
        return baseline(self.purchase, columns, values, self.horizon_days, self.mix)

    def view(self, columns: Sequence[str], values: FloatArray) -> View:
        """Return the margin of ``(n, k)`` customers, with what it is made from."""
        alone = self._alone(tuple(columns)) if len(values) == 1 else None
        if alone is not None:
            if values.dtype != np.float64 or not values.flags.c_contiguous:
                values = np.ascontiguousarray(values, dtype=np.float64)
            return View(*alone.view(values))
        start = self.baseline(columns, values)
        design = build(columns, values, start, scale=self.scale)
        return View(start, design, self._margin(design.matrix, start))

    def margin(self, columns: Sequence[str], values: FloatArray) -> tuple[FloatArray, Baseline]:
        """Return the margin ``(n,)`` and the baseline it starts from."""
        seen = self.view(columns, values)
        return seen.margin, seen.start

    def margins(self, data: TrainingSet, rows: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the margins of the rows of a set where ``rows`` ``(n,)`` is true."""
        chosen = np.flatnonzero(rows)
        found = np.empty(len(chosen))
        for part in blocks(len(chosen), _MARGIN_ROWS):
            found[part] = self.margin(data.columns, data.values[chosen[part]])[0]
        return found

    @property
    def explainer(self) -> str:
        """Who explains the trees if nobody in particular is asked to."""
        return common(boosted.explainer for boosted in self.trees.values())

    def parts(
        self,
        columns: Sequence[str],
        values: FloatArray,
        explainer: str | None = None,
        seen: View | None = None,
    ) -> MarginParts:
        """Split the margin by source indicator; exact within 1e-9.

        ``explainer`` explains the trees (``training.models.boosting.EXPLAINERS``); ``seen`` is
        the :meth:`view` of the same values, if it is known already.
        """
        seen = seen or self.view(columns, values)
        start, design = seen.start, seen.design
        alone = self._alone(tuple(columns)) if seen.split is not None else None
        if alone is not None and seen.split is not None and explainer in (None, QUADRATURE):
            phi, ends = alone.divide(seen.split)
            return MarginParts(alone.parts, alone.base, phi, seen.margin, ends)
        by_input = np.zeros(design.matrix.shape)
        trust, mean = self._trust(start), self.level
        for name, boosted in self.trees.items():
            found, own_mean = boosted.contributions(design.matrix, explainer or self.explainer)
            by_input += self.shares[name] * found
            mean += self.shares[name] * own_mean
        by_input *= trust[:, None]
        if self.linear is not None:
            by_input += self.linear.contributions(design.matrix)
        names = (*columns, BASELINE)
        position = {name: index for index, name in enumerate(names)}
        phi = np.zeros((len(values), len(names)))
        add_columns(phi, by_input, [position[source] for source in design.source_indicator])
        # what distrust takes from the common correction is the account's size, so the baseline's
        phi[:, position[BASELINE]] += (
            offset(self.target, start) - self.typical_offset + (trust - 1.0) * mean
        )
        return MarginParts(
            names=names,
            base=self.typical_offset + mean,
            phi=phi,
            margin=seen.margin,
        )

    def shifted(self, level: float) -> Correction:
        """Return the same model with another level."""
        return replace(self, level=level)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees, which are texts of their own."""
        return {
            "horizon_days": self.horizon_days,
            "purchase": self.purchase.to_dict(),
            "mix": self.mix.model_dump(),
            "scale": self.scale,
            "linear": None if self.linear is None else self.linear.to_dict(),
            "shares": dict(self.shares),
            "level": self.level,
            "typical_offset": self.typical_offset,
            "half_trust": self.half_trust,
        }

    @classmethod
    def from_dict(
        cls, target: TargetName, document: dict[str, Any], trees: Mapping[str, Boosted]
    ) -> Correction:
        """Read :meth:`to_dict` and join it with its trees.

        Raises
        ------
        KeyError
            If an ensemble is missing.
        """
        linear = document["linear"]
        return cls(
            target=target,
            horizon_days=int(document["horizon_days"]),
            purchase=PurchaseModel.from_dict(document["purchase"]),
            mix=Mix.model_validate(document["mix"]),
            scale=float(document["scale"]),
            linear=None if linear is None else Linear.from_dict(linear),
            trees={name: trees[name] for name in document["shares"]},
            shares={name: float(share) for name, share in document["shares"].items()},
            level=float(document["level"]),
            typical_offset=float(document["typical_offset"]),
            half_trust=float(document["half_trust"]),
        )

    def by_level(
        self, columns: Sequence[str], values: FloatArray
    ) -> tuple[Baseline, Callable[[float], FloatArray]]:
        """Return the baseline of ``(n, k)`` customers, and their margins ``(n,)`` by level.

        Trees are asked once, however many levels are tried.
        """
        start = self.baseline(columns, values)
        return start, self._levelled(build(columns, values, start, scale=self.scale).matrix, start)

    def _alone(self, columns: tuple[str, ...]) -> Alone | None:
        """Return what does the same for one customer; None where it is not compiled."""
        if not available():
            return None
        last, alone = self._last
        if columns is last:  # to hash a hundred names takes a microsecond
            return alone
        if columns not in self._ready:
            from training.models.alone import Alone

            shares = [(self.shares[name], each) for name, each in self.trees.items()]
            self._ready[columns] = Alone.of(
                *(columns, self.purchase, self.mix, self.horizon_days),
                trees=shares,
                linear=self.linear,
                scale=self.scale,
                level=self.level,
                half_trust=self.half_trust,
                typical_offset=self.typical_offset,
                is_ltv=self.target == "ltv",
            )
        self.__dict__["_last"] = columns, self._ready[columns]
        return self._ready[columns]

    @cached_property
    def _ready(self) -> dict[tuple[str, ...], Alone | None]:
        return {}

    @cached_property
    def _last(self) -> tuple[tuple[str, ...], Alone | None]:
        """What was asked for last, in one piece for those who look while another writes."""
        return (), None

    def _margin(self, matrix: FloatArray, start: Baseline) -> FloatArray:
        return self._levelled(matrix, start)(self.level)

    def _levelled(self, matrix: FloatArray, start: Baseline) -> Callable[[float], FloatArray]:
        found = [self.shares[name] * boosted.margin(matrix) for name, boosted in self.trees.items()]
        begin, trust = offset(self.target, start), self._trust(start)
        linear = None if self.linear is None else self.linear.margin(matrix)

        def margin(level: float) -> FloatArray:
            correction = np.full(len(matrix), level)
            for each in found:
                correction = correction + each
            sum_: FloatArray = begin + trust * correction
            return sum_ if linear is None else sum_ + linear

        return margin

    def _trust(self, start: Baseline) -> FloatArray:
        if not self.half_trust:
            return np.ones(len(start.value))
        trust = 1.0 / (1.0 + start.value / (self.half_trust * self.scale))
        return np.asarray(trust, dtype=np.float64)


def offset(target: TargetName, start: Baseline) -> FloatArray:
    """Return what a margin starts from, ``(n,)``: the log of the baseline for LTV, else 0."""
    return portable.log(start.value) if target == "ltv" else np.zeros(len(start.value))
