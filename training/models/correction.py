"""A baseline on a log scale plus trees that correct it: the shape of both models.

margin = bias + offset(baseline) + Σ trees. The offset is the log of the baseline's
expected spend for LTV and the log-odds of no purchase for churn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.dataset import TrainingSet, challenged
from training.errors import FitError
from training.models.baseline import Baseline, PurchaseModel, baseline, fit_purchase_model
from training.models.boosting import Boosted, fit_boosted
from training.models.design import BASELINE, Design, build
from training.recipe import Baseline as Mix
from training.recipe import Eligibility, LtvTrees, Recipe, Trees
from training.scores import MarginParts
from training.splits import TargetName


@dataclass(frozen=True, slots=True)
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
    boosted
        The trees.
    scale
        Money unit the trees were fitted in, the mean baseline: they are then the same
        for every currency.
    bias
        Added to every margin; learned out of time.
    typical_offset
        Mean offset of the customers fitted on; the baseline's contribution counts from
        there, so ``base_margin`` is the margin of a typical customer.
    """

    target: TargetName
    horizon_days: int
    purchase: PurchaseModel
    mix: Mix
    boosted: Boosted
    scale: float
    bias: float
    typical_offset: float

    def baseline(self, columns: Sequence[str], values: FloatArray) -> Baseline:
        """Return the baseline of ``(n, k)`` customers."""
        return baseline(self.purchase, columns, values, self.horizon_days, self.mix)

    def margin(self, columns: Sequence[str], values: FloatArray) -> tuple[FloatArray, Baseline]:
        """Return the margin ``(n,)`` and the baseline it starts from."""
        start = self.baseline(columns, values)
        design = build(columns, values, start, scale=self.scale)
        offset = _offset(self.target, start)
        return self.bias + offset + self.boosted.margin(design.matrix), start

    def parts(self, columns: Sequence[str], values: FloatArray) -> MarginParts:
        """Split the margin by source indicator; exact within 1e-9."""
        start = self.baseline(columns, values)
        design = build(columns, values, start, scale=self.scale)
        by_input, tree_base = self.boosted.contributions(design.matrix)
        names = (*columns, BASELINE)
        position = {name: index for index, name in enumerate(names)}
        phi = np.zeros((len(values), len(names)))
        for index, source in enumerate(design.source_indicator):
            phi[:, position[source]] += by_input[:, index]
        offset = _offset(self.target, start)
        phi[:, position[BASELINE]] += offset - self.typical_offset
        return MarginParts(
            names=names,
            base=self.bias + self.typical_offset + tree_base,
            phi=phi,
            margin=self.bias + offset + self.boosted.margin(design.matrix),
        )

    def shifted(self, bias: float) -> Correction:
        """Return the same model with another bias."""
        return replace(self, bias=bias)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees, which are a text of their own."""
        return {
            "horizon_days": self.horizon_days,
            "purchase": self.purchase.to_dict(),
            "mix": self.mix.model_dump(),
            "scale": self.scale,
            "bias": self.bias,
            "typical_offset": self.typical_offset,
        }

    @classmethod
    def from_dict(
        cls, target: TargetName, document: dict[str, Any], boosted: Boosted
    ) -> Correction:
        """Read :meth:`to_dict` and join it with its trees."""
        return cls(
            target=target,
            horizon_days=int(document["horizon_days"]),
            purchase=PurchaseModel.from_dict(document["purchase"]),
            mix=Mix.model_validate(document["mix"]),
            boosted=boosted,
            scale=float(document["scale"]),
            bias=float(document["bias"]),
            typical_offset=float(document["typical_offset"]),
        )


def fit_correction(
    target: TargetName,
    purchase: PurchaseModel,
    columns: Sequence[str],
    values: FloatArray,
    label: FloatArray,
    horizon_days: int,
    recipe: Recipe,
) -> Correction:
    """Fit the trees to the labels ``(n,)`` of eligible rows ``(n, k)`` of many origins."""
    trees: Trees = recipe.lightgbm.churn if target == "churn" else recipe.lightgbm.ltv
    start = baseline(purchase, columns, values, horizon_days, recipe.baseline)
    # In units of the mean baseline the trees are the same in any currency, to the bit.
    scale = float(np.mean(start.value))
    design: Design = build(columns, values, start, scale=scale)
    offset = _offset(target, start)
    begin = offset
    if isinstance(trees, LtvTrees):
        begin = np.log(start.value / scale)
        label = np.maximum(label, 0.0) / scale  # the Tweedie loss knows no negative amount
    boosted = fit_boosted(
        design.matrix,
        design.names,
        label,
        begin,
        trees,
        seed=recipe.seed,
        threads=recipe.lightgbm.threads,
    )
    return Correction(
        target=target,
        horizon_days=horizon_days,
        purchase=purchase,
        mix=recipe.baseline,
        boosted=boosted,
        scale=scale,
        bias=0.0,
        typical_offset=float(np.mean(offset)),
    )


def latest_purchase_model(data: TrainingSet, recipe: Recipe) -> PurchaseModel:
    """Fit the purchase model to all customers of the latest day.

    Amounts that are challenged (#7) are left out; the days of those purchases are real.
    """
    latest = data.on(data.as_of.max().item())
    doubted = challenged(latest.values, latest.columns, recipe.eligibility)
    return fit_purchase_model(latest.columns, latest.values, recipe.btyd, doubted=doubted)


def refuse_if_nobody_bought(data: TrainingSet, rule: Eligibility) -> None:
    """Raise a FitError that names the latest day when not one row is eligible."""
    if not data.eligible.any():
        day = str(data.as_of.max())
        known = f", known for {rule.min_tenure_days} days or more" if rule.min_tenure_days else ""
        raise FitError(
            f"No customer bought within {rule.active_within_days} days before {day}{known}.",
            hint="Is the last day of the data right? One mistyped date moves every day of the "
            "plan. Else widen [eligibility] in the recipe.",
            rows=0,
            day=day,
        )


def _offset(target: TargetName, start: Baseline) -> FloatArray:
    return np.log(start.value) if target == "ltv" else start.churn_log_odds
