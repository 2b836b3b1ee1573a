"""FLAML beside the models: same rows in, sensible predictions out (where it is installed)."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from training import automl
from training.dataset import TrainingSet
from training.errors import FitError
from training.evaluation import metrics
from training.splits import OriginPlan


@pytest.fixture(scope="module")
def rows(data: TrainingSet, plan: OriginPlan) -> tuple[TrainingSet, TrainingSet]:
    origin = plan.backtest[-1]
    train, test = data.on(origin.churn.train_days), data.on(origin.day)
    return train.where(train.eligible), test.where(test.eligible)


def test_unknown_is_told_by_a_flag(rows: tuple[TrainingSet, TrainingSet]) -> None:
    train = rows[0]
    inputs = automl.encoded(train)
    assert np.isfinite(inputs).all()
    assert inputs.shape == (len(train), 2 * len(train.columns))
    np.testing.assert_array_equal(inputs[:, len(train.columns) :] == 1.0, np.isnan(train.values))


def test_looking_for_it_leaves_the_modules_as_they_were() -> None:
    before = sys.modules.get("pyspark")
    automl.available()
    assert sys.modules.get("pyspark") is before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not automl.available(), reason="FLAML cannot be imported")
def test_it_learns_in_the_seconds_it_is_given(rows: tuple[TrainingSet, TrainingSet]) -> None:
    train, test = rows
    churn = automl.predict(train, test, "churn", seconds=2.0, seed=1)
    assert metrics.auc(test.churned, churn) > 0.6
    value = automl.predict(train, test, "ltv", seconds=2.0, seed=1)
    assert value.min() >= 0.0
    assert metrics.spearman(test.net_value, value) > 0.3


@pytest.mark.skipif(not automl.available(), reason="FLAML cannot be imported")
def test_one_day_leaves_nothing_to_validate_on(rows: tuple[TrainingSet, TrainingSet]) -> None:
    with pytest.raises(FitError, match="latest of several"):
        automl.predict(rows[1], rows[1], "churn", seconds=1.0, seed=1)
