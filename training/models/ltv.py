"""LTV: the expected net spend in the horizon, with an interval.

The served number is the expectation (not the median): it adds up over customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models.boosting import Boosted
from training.models.conformal import IntervalModel, fit_intervals
from training.models.correction import (
    Correction,
    fit_correction,
    latest_purchase_model,
    refuse_if_nobody_bought,
)
from training.recipe import Recipe
from training.scores import Attribution
from training.splits import Fold

# A calibration day may be special (season, one huge order): never trust it beyond this.
_MAX_BIAS = float(np.log(1.5))


@dataclass(frozen=True, slots=True)
class LtvModel:
    """Corrected baseline with conformal intervals."""

    correction: Correction
    intervals: IntervalModel

    def predict(self, columns: Sequence[str], values: FloatArray) -> FloatArray:
        """Return the expected net spend ``(n,)``, money, > 0."""
        return np.exp(self.correction.margin(columns, values)[0])

    def attribution(self, columns: Sequence[str], values: FloatArray) -> Attribution:
        """Explain the margin, the log of the prediction."""
        parts = self.correction.parts(columns, values)
        return Attribution(parts.names, parts.base, parts.phi, parts.margin, np.exp)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees."""
        return {**self.correction.to_dict(), "intervals": self.intervals.to_dict()}

    @classmethod
    def from_dict(cls, document: dict[str, Any], boosted: Boosted) -> LtvModel:
        """Read :meth:`to_dict` and join it with its trees."""
        return cls(
            Correction.from_dict("ltv", document, boosted),
            IntervalModel.from_dict(document["intervals"]),
        )


def fit_ltv(data: TrainingSet, fold: Fold, recipe: Recipe) -> LtvModel:
    """Fit on a fold: level and interval out of time, then learn from every closed day.

    Raises
    ------
    FitError
        If the days hold too few customers or no money was spent.
    """
    trial = _fit(data.on(fold.fit_days), recipe, fold.horizon_days)
    judged = data.on(fold.calibration_day)
    judged = judged.where(judged.eligible)
    bias = _bias(trial, judged) * recipe.intervals.bias_shrinkage
    trial = trial.shifted(bias)
    predicted = np.exp(trial.margin(judged.columns, judged.values)[0])
    intervals = fit_intervals(
        predicted,
        judged.net_value,
        nominal=recipe.intervals.nominal,
        classes=recipe.intervals.classes,
    )
    final = _fit(data.on(fold.train_days), recipe, fold.horizon_days)
    return LtvModel(final.shifted(bias), intervals)


def _bias(trial: Correction, judged: TrainingSet) -> float:
    """Log of what was spent over what was expected on the calibration day."""
    expected = float(np.exp(trial.margin(judged.columns, judged.values)[0]).sum())
    spent = float(judged.net_value.sum())
    if spent <= 0.0 or expected <= 0.0:
        return 0.0
    return float(np.clip(np.log(spent / expected), -_MAX_BIAS, _MAX_BIAS))


def _fit(data: TrainingSet, recipe: Recipe, horizon_days: int) -> Correction:
    refuse_if_nobody_bought(data, recipe.eligibility)
    purchase = latest_purchase_model(data, recipe)
    used = data.where(data.eligible)
    if not float(np.maximum(used.net_value, 0.0).sum()) > 0.0:
        raise FitError(
            f"LTV cannot be learned: {len(used)} eligible rows with no spend in "
            f"{horizon_days} days.",
            hint="Change ltv.horizon_days or eligibility in the recipe.",
            rows=len(used),
        )
    return fit_correction(
        "ltv", purchase, used.columns, used.values, used.net_value, horizon_days, recipe
    )
