"""What models learn from, made once for all that look at the same customers the same way.

Churn and LTV over one horizon start from the same purchase model and see the same rows through the
same inputs; only what they are told about them differs. So do the models behind LTV's intervals,
which leave out half of the customers. One origin therefore takes one matrix and one set of bins for
each horizon, whatever the number of ensembles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training.dataset import TrainingSet, challenged
from training.errors import FitError
from training.models.baseline import INPUTS, Baseline, PurchaseModel, baseline, fit_purchase_model
from training.models.bins import binned
from training.models.design import Design, build
from training.models.nowcast import Past
from training.recipe import Recipe
from training.splits import Fold

if TYPE_CHECKING:
    import lightgbm as lgb

BoolArray = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Lesson:
    """The ``m`` rows that models of one horizon learn from.

    Attributes
    ----------
    rows
        ``(n,)`` which rows of the training set they are.
    purchase
        The purchase model of the day of test.
    start
        Their baseline.
    scale
        The mean baseline, money.
    day
        ``(m,)`` number of each row's training day, 0 to d - 1.
    """

    data: TrainingSet
    recipe: Recipe
    rows: BoolArray
    purchase: PurchaseModel
    start: Baseline
    scale: float
    day: npt.NDArray[np.int64]
    _design: Design | None = field(default=None, init=False, repr=False)
    _bins: lgb.Dataset | None = field(default=None, init=False, repr=False)

    def design(self) -> Design:
        """Return the inputs ``(m, f)``, the only copy of the rows that a fit makes.

        It is kept until :meth:`bins` are made of it.
        """
        if self._design is None:
            rows = np.flatnonzero(self.rows)
            self._design = build(
                self.data.columns, self.data.values, self.start, scale=self.scale, rows=rows
            )
        return self._design

    def bins(self) -> lgb.Dataset:
        """Return the rows as trees see them. Trees need nothing else."""
        if self._bins is None:
            seen, seed, threads = self.design(), self.recipe.seed, self.recipe.lightgbm.threads
            self._bins = binned(seen.matrix, seen.names, seed=seed, threads=threads)
            self._design = None
        return self._bins


class Lessons:
    """The lessons of one training set: purchase models by day, and the latest lesson."""

    def __init__(self, data: TrainingSet, recipe: Recipe) -> None:
        self._data = data
        self._recipe = recipe
        self._days: dict[date, tuple[TrainingSet, PurchaseModel]] = {}
        self._past: dict[date, Past] = {}
        self._latest: tuple[Fold, Lesson] | None = None

    def past(self, day: date) -> Past:
        """Return one day as the level of churn looks back on it."""
        if day not in self._past:
            self._past[day] = Past.of(self._data, day, self._recipe.btyd)
        return self._past[day]

    def present(self, day: date) -> tuple[TrainingSet, PurchaseModel]:
        """Return everybody on one day, and the purchase model fitted to them.

        Amounts that are challenged (#7) are left out; the days of those purchases are real.
        """
        if day not in self._days:
            there = self._data.on(day)
            doubted = challenged(there.values, there.columns, self._recipe.eligibility)
            fitted = fit_purchase_model(
                there.columns, there.values, self._recipe.btyd, doubted=doubted
            )
            self._days[day] = there, fitted
        return self._days[day]

    def of(self, fold: Fold) -> Lesson:
        """Return what models of a fold learn from: the eligible rows of its closed days.

        Raises
        ------
        FitError
            If there is no such row.
        """
        if self._latest is not None and _same(self._latest[0], fold):
            return self._latest[1]
        self._latest = None  # two matrices at a time would be twice the memory
        rows = self._data.rows(fold.train_days) & self._data.eligible
        refuse_if_nobody_bought(rows, fold, self._recipe)
        _, purchase = self.present(fold.test_day)
        start = baseline(
            purchase,
            INPUTS,
            self._data.some(rows, INPUTS),
            fold.horizon_days,
            self._recipe.baseline,
        )
        lesson = Lesson(
            data=self._data,
            recipe=self._recipe,
            rows=rows,
            purchase=purchase,
            start=start,
            scale=float(np.mean(start.value)),
            day=np.unique(self._data.as_of[rows], return_inverse=True)[1],
        )
        self._latest = fold, lesson
        return lesson


def _same(one: Fold, other: Fold) -> bool:
    return (one.horizon_days, one.test_day, one.train_days) == (
        other.horizon_days,
        other.test_day,
        other.train_days,
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
