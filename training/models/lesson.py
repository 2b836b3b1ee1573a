"""What a correction is fitted to, and whom its purchase model is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.dataset import TrainingSet, challenged
from training.errors import FitError
from training.models.baseline import INPUTS, Baseline, PurchaseModel, baseline, fit_purchase_model
from training.models.design import Design, build
from training.recipe import Recipe
from training.splits import Fold


def purchase_model_of(present: TrainingSet, recipe: Recipe) -> PurchaseModel:
    """Fit the purchase model to all customers of one day.

    Amounts that are challenged (#7) are left out; the days of those purchases are real.
    """
    doubted = challenged(present.values, present.columns, recipe.eligibility)
    return fit_purchase_model(present.columns, present.values, recipe.btyd, doubted=doubted)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a correction is fitted to: ``m`` rows of a training set.

    Attributes
    ----------
    start
        Their baseline.
    scale
        The mean baseline, money.
    design
        Their inputs ``(m, f)``, the only copy of the set's rows that a fit makes.
    day
        ``(m,)`` number of each row's training day, 0 to d - 1.
    """

    start: Baseline
    scale: float
    design: Design
    day: npt.NDArray[np.int64]


def lesson(
    data: TrainingSet,
    rows: npt.NDArray[np.bool_],
    purchase: PurchaseModel,
    fold: Fold,
    recipe: Recipe,
) -> Lesson:
    """Return what a model learns the rows of ``data`` from where ``rows`` ``(n,)`` is true."""
    start = baseline(purchase, INPUTS, data.some(rows, INPUTS), fold.horizon_days, recipe.baseline)
    scale = float(np.mean(start.value))
    return Lesson(
        start=start,
        scale=scale,
        design=build(data.columns, data.values, start, scale=scale, rows=np.flatnonzero(rows)),
        day=np.unique(data.as_of[rows], return_inverse=True)[1],
    )


def refuse_if_nobody_bought(rows: npt.NDArray[np.bool_], fold: Fold, recipe: Recipe) -> None:
    """Raise a FitError that names the latest day when no row is left to learn from."""
    if not rows.any():
        day, rule = str(max(fold.train_days)), recipe.eligibility
        known = f", known for {rule.min_tenure_days} days or more" if rule.min_tenure_days else ""
        raise FitError(
            f"No customer bought within {rule.active_within_days} days before {day}{known}.",
            hint="Is the last day of the data right? One mistyped date moves every day of the "
            "plan. Else widen [eligibility] in the recipe.",
            rows=0,
            day=day,
        )
