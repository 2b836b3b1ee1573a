"""Plain LightGBM: what a practitioner tries first, with the library's own settings.

Raw indicators, no baseline beneath, no early stopping, no calibration. Only what makes a run
repeatable is set: seed, one order of rows, threads.
"""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np

from features.schema import CATALOGUE, FloatArray
from training.dataset import TrainingSet
from training.recipe import Recipe

ROUNDS = 100
"""Trees: the library's default."""


def plain_churn(
    train: TrainingSet, label: FloatArray, test: TrainingSet, recipe: Recipe
) -> FloatArray:
    """Return churn probabilities ``(m,)`` of ``test``, learned from labels ``(n,)``."""
    if len(np.unique(label)) < 2:
        return np.full(len(test), label.mean())
    return _fit(train, label, test, recipe, {"objective": "binary"})


def plain_ltv(
    train: TrainingSet, net_value: FloatArray, test: TrainingSet, recipe: Recipe
) -> FloatArray:
    """Return expected net values ``(m,)`` of ``test`` by a Tweedie loss on the amount."""
    spent = np.maximum(net_value, 0.0)  # the Tweedie loss knows no negative amount
    if not spent.any():
        return np.zeros(len(test))
    return _fit(train, spent, test, recipe, {"objective": "tweedie"})


def plain_log_ltv(
    train: TrainingSet, net_value: FloatArray, test: TrainingSet, recipe: Recipe
) -> FloatArray:
    """Return net values ``(m,)`` of ``test`` by least squares on log(1 + amount), taken back."""
    spent = np.log1p(np.maximum(net_value, 0.0))
    found: FloatArray = np.expm1(_fit(train, spent, test, recipe, {"objective": "regression"}))
    return np.maximum(found, 0.0)


def _fit(
    train: TrainingSet,
    label: FloatArray,
    test: TrainingSet,
    recipe: Recipe,
    objective: dict[str, Any],
) -> FloatArray:
    used = [i for i, name in enumerate(train.columns) if CATALOGUE[name].model_input]
    parameters = {
        **objective,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": recipe.lightgbm.threads,
        "seed": recipe.seed,
        "verbosity": -1,
    }
    rows = lgb.Dataset(np.ascontiguousarray(train.values[:, used]), label=label, params=parameters)
    booster = lgb.train(parameters, rows, num_boost_round=ROUNDS)
    asked = np.ascontiguousarray(test.values[:, used])
    return np.asarray(booster.predict(asked, num_threads=recipe.lightgbm.threads), np.float64)
