"""LTV: the expected net spend in the horizon, with an interval.

Two sets of trees correct the same baseline: one learns the mean, the other the median. Their
logs are averaged. The mean alone follows a few huge accounts wherever they go; the median alone
says nothing of them. A fit to the past of one kind of log showed what each share costs
(``experiments/2026-11-mean-and-median``): the default keeps the total within some percent and
is nearer to single customers than either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models import portable
from training.models.bins import part_of, teach
from training.models.boosting import Boosted, Objective, at_once, grow
from training.models.conformal import IntervalModel, fit_intervals
from training.models.correction import Correction, View, offset
from training.models.lesson import Lesson, Lessons, refuse_if_nobody_bought
from training.recipe import LtvTrees, MedianTrees, Recipe
from training.scores import Attribution
from training.splits import Fold

if TYPE_CHECKING:
    import lightgbm as lgb

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
        seen = seen or self.correction.view(columns, values)
        if seen.split is not None:
            return np.array([seen.split.prediction])
        return portable.exp(seen.margin)

    def attribution(
        self,
        columns: Sequence[str],
        values: FloatArray,
        explainer: str | None = None,
        seen: View | None = None,
    ) -> Attribution:
        """Explain the margin, the log of the prediction."""
        parts = self.correction.parts(columns, values, explainer, seen)
        return Attribution(
            parts.names, parts.base, parts.phi, parts.margin, portable.exp, parts.ends
        )

    def every_interval(
        self, predicted: FloatArray
    ) -> tuple[tuple[float, FloatArray, FloatArray], ...]:
        """Return nominal level, lower and upper bounds ``(n,)`` around predictions ``(n,)``.

        One of each level that was fitted, the narrowest first.
        """
        levels = {each.nominal: each for each in (self.intervals, *self.others)}
        return tuple((nominal, *levels[nominal].bounds(predicted)) for nominal in sorted(levels))

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


def fit_ltv(
    data: TrainingSet, fold: Fold, recipe: Recipe, lessons: Lessons | None = None
) -> LtvModel:
    """Fit on a fold: learn from every closed day, and from unseen customers how far one is off.

    Intervals come from two models, each fitted to half of the customers and asked about the
    other half on all training days (cross-conformal, Vovk 2015). One day held out in time would
    know the errors of its own season only: on Online Retail II its 90 % held 83 % of the outcomes
    at later origins, those of all days 92 %.

    ``lessons`` are those of the same rows, where several models are fitted to them.

    Raises
    ------
    FitError
        If the days hold too few customers or no money was spent.
    """
    lessons = lessons or Lessons(data, recipe)
    learned = lessons.of(fold)
    half = _halves(data, data.rows(fold.train_days), recipe.seed)
    own = half[learned.rows]
    groups = [np.ones(len(own), dtype=np.bool_), own == 1, own == 0]
    present, _ = lessons.present(fold.test_day)
    spent = np.maximum(data.net_value[learned.rows], 0.0)  # neither loss knows a negative amount
    final, *partial = _fit(learned, spent, groups, present, fold, recipe)
    predicted, outcome = [], []
    for absent, model in enumerate(partial):
        others = (half == absent) & data.eligible
        predicted.append(portable.exp(model.margins(data, others)))
        outcome.append(data.net_value[others])
    judged = np.concatenate(predicted), np.concatenate(outcome)

    def interval(nominal: float) -> IntervalModel:
        return fit_intervals(*judged, nominal=nominal, classes=recipe.intervals.classes)

    levels = sorted(set(recipe.intervals.levels))
    return LtvModel(final, interval(recipe.intervals.nominal), tuple(map(interval, levels)))


def _halves(data: TrainingSet, closed: BoolArray, seed: int) -> npt.NDArray[np.int8]:
    """Return to which half each row's customer belongs ``(n,)``, 0 or 1; -1 where not closed."""
    names, owner = np.unique(data.customer_id[closed], return_inverse=True)
    half = np.full(len(data), -1, dtype=np.int8)
    half[closed] = np.random.default_rng(seed).integers(0, 2, len(names))[owner]
    return half


def _fit(
    learned: Lesson,
    spent: FloatArray,
    groups: Sequence[BoolArray],
    present: TrainingSet,
    fold: Fold,
    recipe: Recipe,
) -> list[Correction]:
    """Fit one model to each group ``(m,)`` of the rows learned from, who spent ``spent`` ``(m,)``.

    All share the purchase model, the unit of money and the bins; the last two know no outcome.
    """
    start, trees = learned.start, recipe.lightgbm
    fits: list[Callable[[int], Boosted]] = []
    for group in groups:
        refuse_if_nobody_bought(group, fold, recipe)
        amount = spent[group]
        if not float(amount.sum()) > 0.0:
            raise FitError(
                f"LTV cannot be learned: {len(amount)} eligible rows with no spend in "
                f"{fold.horizon_days} days.",
                hint="Change ltv.horizon_days or eligibility in the recipe.",
                rows=len(amount),
            )
        expected, day = start.value[group], learned.day[group]
        # In units of the mean baseline the trees are the same in any currency, to the bit.
        first = portable.log(expected / learned.scale) + _day_levels(amount, expected, day)[day]
        bins = learned.bins() if group.all() else part_of(learned.bins(), group)
        teach(bins, amount / learned.scale, first)
        fits.append(_growing(bins, trees.ltv, "tweedie", recipe.seed))
        fits.append(_growing(bins, trees.ltv_median, "median", recipe.seed + 1))
    grown = at_once(fits, trees.threads)
    eligible = present.where(present.eligible)
    found = []
    for group, mean, median in zip(groups, grown[::2], grown[1::2], strict=True):
        bare = Correction(
            target="ltv",
            horizon_days=fold.horizon_days,
            purchase=learned.purchase,
            mix=recipe.baseline,
            scale=learned.scale,
            linear=None,
            trees={_MEAN: mean, _MEDIAN: median},
            shares={_MEAN: 1.0 - trees.ltv_median.share, _MEDIAN: trees.ltv_median.share},
            level=0.0,
            typical_offset=float(np.mean(offset("ltv", start))),
            half_trust=recipe.baseline.half_trust,
        )
        level = _level(bare, eligible, spent[group], start.btyd_value[group], recipe)
        found.append(bare.shifted(level))
    return found


def _growing(
    bins: lgb.Dataset, trees: LtvTrees | MedianTrees, objective: Objective, seed: int
) -> Callable[[int], Boosted]:
    """Return a fit that waits for the threads it may take."""
    power = trees.tweedie_power if isinstance(trees, LtvTrees) else 1.5

    def fit(threads: int) -> Boosted:
        return grow(
            bins, trees, objective=objective, tweedie_power=power, seed=seed, threads=threads
        )

    return fit


def _level(
    bare: Correction,
    present: TrainingSet,
    spent: FloatArray,
    believed: FloatArray,
    recipe: Recipe,
) -> float:
    """Level at which as much is expected in total as the purchase model says.

    As for churn, the total is left to the model that has seen the day of service, corrected by
    a share of the log of what it was wrong by on the days learned from, where it ``believed`` in
    what was ``spent``.
    """
    from scipy.optimize import brentq  # heavy, and only fitting takes it

    if len(present) == 0:
        raise FitError(
            "No customer is eligible on the day the level of LTV is set for.",
            hint="Widen eligibility.active_within_days in the recipe.",
        )
    error = np.log(np.sum(spent)) - np.log(np.sum(believed))
    today, margin = bare.by_level(present.columns, present.values)
    wanted = np.log(np.sum(today.btyd_value)) + recipe.intervals.bias_shrinkage * error

    def excess(level: float) -> float:
        return float(np.log(np.sum(np.exp(margin(level)))) - wanted)

    if excess(-_MAX_LEVEL) >= 0.0 or excess(_MAX_LEVEL) <= 0.0:
        return float(-np.sign(excess(0.0)) * _MAX_LEVEL)
    return float(brentq(excess, -_MAX_LEVEL, _MAX_LEVEL, xtol=1e-9))


def _day_levels(spent: FloatArray, expected: FloatArray, day: npt.NDArray[np.int64]) -> FloatArray:
    """Log of what was spent over what the baseline expected, for each training day ``(d,)``.

    The trees are fitted around it: what moves all customers of a day is no reason to prefer
    one to another.
    """
    real, guess = np.bincount(day, weights=spent), np.bincount(day, weights=expected)
    with np.errstate(divide="ignore", invalid="ignore"):  # a day may be absent from a group
        level = np.log(real) - np.log(guess)
    return np.asarray(np.clip(level, -_MAX_LEVEL, _MAX_LEVEL), dtype=np.float64)
