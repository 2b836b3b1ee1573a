"""Churn: the probability of no purchase in the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models.baseline import Baseline
from training.models.boosting import Boosted
from training.models.calibration import Platt, fit_platt
from training.models.correction import (
    Correction,
    fit_correction,
    latest_purchase_model,
    refuse_if_nobody_bought,
)
from training.recipe import Recipe
from training.scores import Attribution
from training.splits import Fold


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """Corrected purchase model with a calibrated probability."""

    correction: Correction
    calibration: Platt

    def predict(self, columns: Sequence[str], values: FloatArray) -> tuple[FloatArray, Baseline]:
        """Return the churn probability ``(n,)`` and the baseline behind it."""
        margin, start = self.correction.margin(columns, values)
        return self.calibration.probability(margin), start

    def attribution(self, columns: Sequence[str], values: FloatArray) -> Attribution:
        """Explain the margin; the probability is the calibration's image of it."""
        parts = self.correction.parts(columns, values)
        return Attribution(
            parts.names, parts.base, parts.phi, parts.margin, self.calibration.probability
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees."""
        return {**self.correction.to_dict(), "calibration": self.calibration.to_dict()}

    @classmethod
    def from_dict(cls, document: dict[str, Any], boosted: Boosted) -> ChurnModel:
        """Read :meth:`to_dict` and join it with its trees."""
        return cls(
            Correction.from_dict("churn", document, boosted),
            Platt.from_dict(document["calibration"]),
        )


def fit_churn(data: TrainingSet, fold: Fold, recipe: Recipe) -> ChurnModel:
    """Fit on a fold: calibrate out of time, then learn from every closed day.

    Raises
    ------
    FitError
        If the days hold too few customers, or all of them churned or none did.
    """
    trial = _fit(data.on(fold.fit_days), recipe, fold.horizon_days)
    judged = data.on(fold.calibration_day)
    judged = judged.where(judged.eligible)
    margin, _ = trial.margin(judged.columns, judged.values)
    calibration = fit_platt(margin, judged.churned, level_share=recipe.intervals.bias_shrinkage)
    return ChurnModel(_fit(data.on(fold.train_days), recipe, fold.horizon_days), calibration)


def _fit(data: TrainingSet, recipe: Recipe, horizon_days: int) -> Correction:
    refuse_if_nobody_bought(data, recipe.eligibility)
    purchase = latest_purchase_model(data, recipe)
    used = data.where(data.eligible)
    if len(np.unique(used.churned)) != 2:
        raise FitError(
            f"Churn cannot be learned: of {len(used)} eligible rows "
            f"{int(np.nansum(used.churned))} churned within {horizon_days} days.",
            hint="Change churn.horizon_days or eligibility in the recipe.",
            rows=len(used),
            churned=int(np.nansum(used.churned)),
        )
    return fit_correction(
        "churn", purchase, used.columns, used.values, used.churned, horizon_days, recipe
    )
