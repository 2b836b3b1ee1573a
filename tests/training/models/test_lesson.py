"""Models that learn from one lesson are those that learned each from its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.dataset import TrainingSet
from training.errors import FitError
from training.models.churn import fit_churn
from training.models.lesson import Lessons
from training.models.ltv import fit_ltv
from training.recipe import Recipe
from training.splits import OriginPlan


def test_models_of_one_lesson_are_those_of_two(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    origin = plan.backtest[-1]
    lessons = Lessons(data, recipe)
    churn = fit_churn(data, origin.churn, recipe, lessons)
    ltv = fit_ltv(data, origin.ltv, recipe, lessons)
    again = fit_churn(data, origin.churn, recipe, lessons)  # after others taught the same rows
    alone = fit_churn(data, origin.churn, recipe), fit_ltv(data, origin.ltv, recipe)
    for one, other in ((churn, alone[0]), (ltv, alone[1]), (again, alone[0])):
        assert one.to_dict() == other.to_dict()
        assert {name: each.text for name, each in one.correction.trees.items()} == {
            name: each.text for name, each in other.correction.trees.items()
        }


def test_targets_of_one_horizon_share_a_lesson_and_another_day_has_its_own(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    earlier, later = plan.backtest[-2:]
    lessons = Lessons(data, recipe)
    lesson = lessons.of(later.churn)
    assert lessons.of(later.ltv) is lesson
    assert lesson.bins() is lesson.bins()
    assert lessons.present(later.day) is lessons.present(later.day)
    other = lessons.of(earlier.ltv)
    assert other is not lesson
    assert other.purchase != lesson.purchase
    longer = replace(later.churn, horizon_days=2 * later.churn.horizon_days)
    assert not np.array_equal(lessons.of(longer).start.value, lesson.start.value)
    assert lessons.of(longer).purchase is lesson.purchase


def test_the_matrix_is_let_go_with_the_bins(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    lesson = Lessons(data, recipe).of(plan.backtest[-1].ltv)
    matrix = lesson.design().matrix
    assert lesson.design().matrix is matrix
    assert lesson.bins().num_data() == len(matrix) == int(lesson.rows.sum())
    again = lesson.design().matrix
    assert again is not matrix
    assert np.array_equal(again, matrix, equal_nan=True)


def test_a_customer_alone_in_its_half_is_told(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    """The models behind the intervals need somebody who spent in each half."""
    fold = plan.backtest[-1].ltv
    rows = data.rows(fold.train_days) & data.eligible
    spenders = data.customer_id[rows & (np.nan_to_num(data.net_value) > 0.0)]
    one = np.where(data.customer_id == spenders[0], data.net_value, 0.0)
    with pytest.raises(FitError, match="no spend in 60 days"):
        fit_ltv(replace(data, net_value=one), fold, recipe)
    only = replace(data, eligible=data.eligible & (data.customer_id == spenders[0]))
    with pytest.raises(FitError, match="bought within"):
        fit_ltv(only, fold, recipe)
