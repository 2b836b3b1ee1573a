"""Churn: the probability of no purchase in the horizon.

A regression and trees say who stays before whom; how many stay is left to the purchase model,
fitted on the day of service itself, because it is the only one that has seen that day: labels
of a fold are a horizon old, and the season they come from is another. For the same reason no
slope is calibrated on the latest labels: on Online Retail II that made every figure worse
(experiments/2026-11-ablation), while regression and trees are shrunk enough to be calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models import nowcast, portable
from training.models.baseline import Baseline
from training.models.bins import teach
from training.models.boosting import Boosted, grow
from training.models.correction import Correction, View
from training.models.design import PURCHASE_ODDS
from training.models.lesson import Lessons
from training.models.linear import fit_linear
from training.recipe import Recipe
from training.scores import Attribution
from training.splits import Fold

_TREES = "odds"


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """Regression and trees; the probability is the logistic function of their margin."""

    correction: Correction

    @property
    def horizon_days(self) -> int:
        """Days without a purchase that make a churner."""
        return self.correction.horizon_days

    def predict(
        self, columns: Sequence[str], values: FloatArray, seen: View | None = None
    ) -> tuple[FloatArray, Baseline]:
        """Return the churn probability ``(n,)`` and the baseline behind it."""
        seen = seen or self.correction.view(columns, values)
        if seen.split is not None:
            return np.array([seen.split.prediction]), seen.start
        return portable.expit(seen.margin), seen.start

    def attribution(
        self,
        columns: Sequence[str],
        values: FloatArray,
        explainer: str | None = None,
        seen: View | None = None,
    ) -> Attribution:
        """Explain the margin, the log-odds of the probability."""
        parts = self.correction.parts(columns, values, explainer, seen)
        return Attribution(
            parts.names, parts.base, parts.phi, parts.margin, portable.expit, parts.ends
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees."""
        return self.correction.to_dict()

    @classmethod
    def from_dict(cls, document: dict[str, Any], trees: Mapping[str, Boosted]) -> ChurnModel:
        """Read :meth:`to_dict` and join it with its trees."""
        return cls(Correction.from_dict("churn", document, trees))


def fit_churn(
    data: TrainingSet, fold: Fold, recipe: Recipe, lessons: Lessons | None = None
) -> ChurnModel:
    """Fit on a fold: learn from every closed day, and set the level on the day of service.

    ``lessons`` are those of the same rows, where several models are fitted to them.

    Raises
    ------
    FitError
        If the days hold too few customers, or all of them churned or none did.
    """
    return ChurnModel(_fit(data, fold, recipe, lessons or Lessons(data, recipe)))


def coherent(curve: Mapping[int, FloatArray], anchor: int) -> dict[int, FloatArray]:
    """Return churn probabilities ``(n,)`` by horizon that contradict each other nowhere.

    Whoever buys nothing in 60 days buys nothing in the first 30 of them: a probability may not
    rise with the horizon. The horizon ``anchor``, which grades use, stays as it is.
    """
    found = {anchor: curve[anchor]}
    for days in sorted(h for h in curve if h > anchor):
        found[days] = np.minimum(curve[days], found[max(h for h in found)])
    for days in sorted((h for h in curve if h < anchor), reverse=True):
        found[days] = np.maximum(curve[days], found[min(h for h in found)])
    return dict(sorted(found.items()))


def _fit(data: TrainingSet, fold: Fold, recipe: Recipe, lessons: Lessons) -> Correction:
    """Fit to the labels of the fold's closed days; set the level for the day of test."""
    learned = lessons.of(fold)
    churned = data.churned[learned.rows]
    if len(np.unique(churned)) != 2:
        raise FitError(
            f"Churn cannot be learned: of {len(churned)} eligible rows "
            f"{int(np.nansum(churned))} churned within {fold.horizon_days} days.",
            hint="Change churn.horizon_days or eligibility in the recipe.",
            rows=len(churned),
            churned=int(np.nansum(churned)),
        )
    threads = recipe.lightgbm.threads
    design = learned.design()
    linear, effect = fit_linear(
        design.matrix,
        churned,
        learned.day,
        l2=recipe.regression.l2,
        free=design.names.index(PURCHASE_ODDS),
    )
    first = linear.margin(design.matrix, threads) + effect[learned.day]
    del design  # the bins take its place
    boosted = grow(
        teach(learned.bins(), churned, first),
        recipe.lightgbm.churn,
        objective="binary",
        seed=recipe.seed,
        threads=threads,
    )
    bare = Correction(
        target="churn",
        horizon_days=fold.horizon_days,
        purchase=learned.purchase,
        mix=recipe.baseline,
        scale=learned.scale,
        linear=linear,
        trees={_TREES: boosted},
        shares={_TREES: 1.0},
        level=0.0,
        typical_offset=0.0,
    )
    present, _ = lessons.present(fold.test_day)
    present = present.where(present.eligible)
    carried = 0.0
    if recipe.regression.recent_share > 0.0:
        carried = nowcast.carried(data, fold, lessons.past, recipe.regression.recent_share)
    return bare.shifted(_level(bare, present, churned, learned.start, recipe, carried))


def _level(
    bare: Correction,
    present: TrainingSet,
    churned: FloatArray,
    start: Baseline,
    recipe: Recipe,
    carried: float,
) -> float:
    """Level at which as many are expected to leave as the purchase model says.

    A share of what the purchase model was wrong by, in log-odds, on the days learned from is
    added: some markets it never gets right. So is what is ``carried`` of what it has been wrong by
    of late, in log-odds (``training/models/nowcast.py``).
    """
    from scipy.optimize import brentq  # heavy, and only fitting takes it

    if len(present) == 0:
        raise FitError(
            "No customer is eligible on the day the level of churn is set for.",
            hint="Widen eligibility.active_within_days in the recipe.",
        )
    error = logit(np.mean(churned)) - logit(np.mean(expit(start.churn_log_odds)))
    margin, today = bare.margin(present.columns, present.values)
    expected = logit(np.mean(expit(today.churn_log_odds)))
    wanted = float(expit(expected + recipe.regression.level_share * error + carried))

    def excess(level: float) -> float:
        return float(np.mean(expit(margin + level))) - wanted

    reach = float(np.max(np.abs(margin))) + 20.0
    return float(brentq(excess, -reach, reach, xtol=1e-12))
