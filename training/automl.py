"""FLAML on the same training rows and test origins: what automatic machine learning makes of them.

A yardstick, not a part of the product: FLAML searches LightGBM, random forests, extra trees and
logistic regression for as many seconds as it is given. It is told what a careful user would
tell it: indicators on a log scale with flags for what is unknown, and the latest training day
as validation data, so that it chooses by a later day than it learns from.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.recipe import TargetName

Loss = Literal["log_loss", "mae", "mse"]

CLASSIFIERS = ("lgbm", "rf", "extra_tree", "lrl1")
REGRESSORS = ("lgbm", "rf", "extra_tree")


def available() -> bool:
    """Whether FLAML can be imported; it needs xgboost for that, though it is not used."""
    try:
        _automl()
    except ImportError:
        return False
    return True


def predict(
    train: TrainingSet,
    test: TrainingSet,
    target: TargetName,
    *,
    seconds: float,
    seed: int,
    loss: Loss | None = None,
    threads: int = 1,
) -> FloatArray:
    """Search for ``seconds`` on eligible rows with closed labels, predict the rows of a test day.

    Parameters
    ----------
    train
        Rows of several days; the latest day validates, then the best model learns from all.
    test
        Rows to predict.
    loss
        What FLAML minimises: by default ``log_loss`` for churn and ``mse`` for LTV, whose
        minimum is the expectation; ``mae`` aims at the median instead.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` churn probability, or net value, money, 0 and up.

    Raises
    ------
    FitError
        If there are fewer than two training days.
    ImportError
        If FLAML cannot be imported.
    """
    days = np.unique(train.as_of)
    if len(days) < 2:
        raise FitError(
            f"FLAML validates on the latest of several training days; there is {len(days)}.",
            hint="Raise origins.train_origins.",
        )
    label = train.churned.astype(int) if target == "churn" else train.net_value
    latest = train.as_of == days[-1]
    inputs = encoded(train)
    model = _automl()()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model.fit(
            X_train=inputs[~latest],
            y_train=label[~latest],
            X_val=inputs[latest],
            y_val=label[latest],
            task="classification" if target == "churn" else "regression",
            metric=loss or ("log_loss" if target == "churn" else "mse"),
            estimator_list=list(CLASSIFIERS if target == "churn" else REGRESSORS),
            time_budget=seconds,
            n_jobs=threads,
            seed=seed,
            verbose=0,
        )
        if target == "churn":
            return np.asarray(model.predict_proba(encoded(test))[:, 1], dtype=np.float64)
        return np.maximum(np.asarray(model.predict(encoded(test)), dtype=np.float64), 0.0)


def encoded(rows: TrainingSet) -> FloatArray:
    """Return indicators ``(n, 2 k)``: on a log scale that keeps the sign, and what is unknown."""
    unknown = np.isnan(rows.values)
    known = np.where(unknown, 0.0, rows.values)
    return np.column_stack([np.sign(known) * np.log1p(np.abs(known)), unknown.astype(np.float64)])


def _automl() -> Any:
    with _without("pyspark"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from flaml.automl.automl import AutoML

    logging.getLogger("flaml").setLevel(logging.ERROR)
    return AutoML


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Hide a package while another is imported: FLAML loads all of PySpark where it is there."""
    before = sys.modules.get(package)
    if before is None:
        sys.modules[package] = None  # type: ignore[assignment]  # makes the import fail
    try:
        yield
    finally:
        if before is None:
            del sys.modules[package]
