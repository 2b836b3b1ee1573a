"""LTV: the expected net spend in the horizon, with an interval.

Two sets of trees correct the same baseline: one learns the mean, the other the median. Their
logs are averaged. The mean alone follows a few huge accounts wherever they go; the median alone
says nothing of them. A fit to the past of one kind of log showed what each share costs
(``experiments/2026-11-mean-and-median``): the default keeps the total within some percent and
is nearer to single customers than either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models import portable
from training.models.baseline import Baseline, PurchaseModel
from training.models.boosting import BIN_SAMPLE_ROWS, Boosted, binned, grow
from training.models.conformal import IntervalModel, fit_intervals
from training.models.correction import Correction, View, offset
from training.models.lesson import lesson, purchase_model_of, refuse_if_nobody_bought
from training.recipe import Recipe
from training.scores import Attribution
from training.splits import Fold

# A day may be special (season, one huge order): never trust its level beyond this.
_MAX_LEVEL = float(np.log(3.0))
_MEAN, _MEDIAN = "mean", "median"

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LtvModel:
    """Corrected baseline with conformal intervals.

    Attributes
    ----------
    correction
        Up to the log of the expectation.
    intervals
        The interval that is served.
    others
        Intervals of other nominal levels, ascending.
    """

    correction: Correction
    intervals: IntervalModel
    others: tuple[IntervalModel, ...] = ()

    def predict(
        self, columns: Sequence[str], values: FloatArray, seen: View | None = None
    ) -> FloatArray:
        """Return the expected net spend ``(n,)``, money, > 0."""
        return portable.exp((seen or self.correction.view(columns, values)).margin)

    def attribution(
        self,
        columns: Sequence[str],
        values: FloatArray,
        explainer: str | None = None,
        seen: View | None = None,
    ) -> Attribution:
        """Explain the margin, the log of the prediction."""
        parts = self.correction.parts(columns, values, explainer, seen)
        return Attribution(parts.names, parts.base, parts.phi, parts.margin, portable.exp)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees."""
        return {
            **self.correction.to_dict(),
            "intervals": self.intervals.to_dict(),
            "other_intervals": [each.to_dict() for each in self.others],
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any], trees: Mapping[str, Boosted]) -> LtvModel:
        """Read :meth:`to_dict` and join it with its trees."""
        return cls(
            Correction.from_dict("ltv", document, trees),
            IntervalModel.from_dict(document["intervals"]),
            tuple(IntervalModel.from_dict(each) for each in document["other_intervals"]),
        )


def fit_ltv(data: TrainingSet, fold: Fold, recipe: Recipe) -> LtvModel:
    """Fit on a fold: learn from every closed day, and from unseen customers how far one is off.

    Intervals come from two models, each fitted to half of the customers and asked about the
    other half on all training days (cross-conformal, Vovk 2015). One day held out in time would
    know the errors of its own season only: on Online Retail II its 90 % held 83 % of the outcomes
    at later origins, those of all days 92 %.

    Raises
    ------
    FitError
        If the days hold too few customers or no money was spent.
    """
    closed = data.rows(fold.train_days)
    final = _fit(data, closed & data.eligible, fold, recipe)
    predicted, spent = _of_others(data, closed, fold, recipe, final.purchase)

    def interval(nominal: float) -> IntervalModel:
        return fit_intervals(predicted, spent, nominal=nominal, classes=recipe.intervals.classes)

    levels = sorted(set(recipe.intervals.levels))
    return LtvModel(final, interval(recipe.intervals.nominal), tuple(map(interval, levels)))


def _of_others(
    data: TrainingSet, closed: BoolArray, fold: Fold, recipe: Recipe, purchase: PurchaseModel
) -> tuple[FloatArray, FloatArray]:
    """Predictions for the eligible rows by models that never saw their customers, and outcomes."""
    names, owner = np.unique(data.customer_id[closed], return_inverse=True)
    half = np.full(len(data), -1, dtype=np.int8)
    half[closed] = np.random.default_rng(recipe.seed).integers(0, 2, len(names))[owner]
    predicted, spent = [], []
    for part in (0, 1):
        model = _fit(data, (half == 1 - part) & data.eligible, fold, recipe, purchase)
        others = (half == part) & data.eligible
        predicted.append(portable.exp(model.margins(data, others)))
        spent.append(data.net_value[others])
    return np.concatenate(predicted), np.concatenate(spent)


def _fit(
    data: TrainingSet,
    rows: BoolArray,
    fold: Fold,
    recipe: Recipe,
    purchase: PurchaseModel | None = None,
) -> Correction:
    """Fit to the outcomes of the rows of ``data`` where ``rows`` ``(n,)`` is true.

    ``purchase`` is the purchase model of the fold's day of test, where it has been fitted before.
    """
    refuse_if_nobody_bought(rows, fold, recipe)
    spent = np.maximum(data.net_value[rows], 0.0)  # neither loss knows a negative amount
    if not float(spent.sum()) > 0.0:
        raise FitError(
            f"LTV cannot be learned: {len(spent)} eligible rows with no spend in "
            f"{fold.horizon_days} days.",
            hint="Change ltv.horizon_days or eligibility in the recipe.",
            rows=len(spent),
        )
    present = data.on(fold.test_day)
    purchase = purchase or purchase_model_of(present, recipe)
    # In units of the mean baseline the trees are the same in any currency, to the bit.
    learned = lesson(data, rows, purchase, fold, recipe)
    start, scale = learned.start, learned.scale
    levels = _day_levels(spent, start.value, learned.day)
    trees = recipe.lightgbm
    first = portable.log(start.value / scale) + levels[learned.day]
    seeds = recipe.seed, recipe.seed + 1
    bins = [
        binned(
            learned.design.matrix,
            learned.design.names,
            spent / scale,
            first,
            seed=seed,
            threads=trees.threads,
        )
        # bins cut by all rows are the same for any seed
        for seed in (seeds if len(spent) > BIN_SAMPLE_ROWS else seeds[:1])
    ]
    del learned  # trees need the bins alone
    boosted = {
        _MEAN: grow(
            bins[0],
            trees.ltv,
            objective="tweedie",
            tweedie_power=trees.ltv.tweedie_power,
            seed=seeds[0],
            threads=trees.threads,
        ),
        _MEDIAN: grow(
            bins[-1],
            trees.ltv_median,
            objective="median",
            seed=seeds[1],
            threads=trees.threads,
        ),
    }
    bare = Correction(
        target="ltv",
        horizon_days=fold.horizon_days,
        purchase=purchase,
        mix=recipe.baseline,
        scale=scale,
        linear=None,
        trees=boosted,
        shares={_MEAN: 1.0 - trees.ltv_median.share, _MEDIAN: trees.ltv_median.share},
        level=0.0,
        typical_offset=float(np.mean(offset("ltv", start))),
        half_trust=recipe.baseline.half_trust,
    )
    return bare.shifted(_level(bare, present.where(present.eligible), spent, start, recipe))


def _level(
    bare: Correction, present: TrainingSet, spent: FloatArray, start: Baseline, recipe: Recipe
) -> float:
    """Level at which as much is expected in total as the purchase model says.

    As for churn, the total is left to the model that has seen the day of service, corrected by
    a share of the log of what it was wrong by on the days learned from.
    """
    from scipy.optimize import brentq  # heavy, and only fitting takes it

    if len(present) == 0:
        raise FitError(
            "No customer is eligible on the day the level of LTV is set for.",
            hint="Widen eligibility.active_within_days in the recipe.",
        )
    error = np.log(np.sum(spent)) - np.log(np.sum(start.btyd_value))
    start_today = bare.baseline(present.columns, present.values)
    wanted = np.log(np.sum(start_today.btyd_value)) + recipe.intervals.bias_shrinkage * error

    def excess(level: float) -> float:
        margin, _ = bare.shifted(level).margin(present.columns, present.values)
        return float(np.log(np.sum(np.exp(margin))) - wanted)

    if excess(-_MAX_LEVEL) >= 0.0 or excess(_MAX_LEVEL) <= 0.0:
        return float(-np.sign(excess(0.0)) * _MAX_LEVEL)
    return float(brentq(excess, -_MAX_LEVEL, _MAX_LEVEL, xtol=1e-9))


def _day_levels(spent: FloatArray, expected: FloatArray, day: npt.NDArray[np.int64]) -> FloatArray:
    """Log of what was spent over what the baseline expected, for each training day ``(d,)``.

    The trees are fitted around it: what moves all customers of a day is no reason to prefer
    one to another.
    """
    real, guess = np.bincount(day, weights=spent), np.bincount(day, weights=expected)
    with np.errstate(divide="ignore"):
        level = np.log(real) - np.log(guess)
    return np.asarray(np.clip(level, -_MAX_LEVEL, _MAX_LEVEL), dtype=np.float64)
