"""The models that a trained model has to beat, from doing nothing to textbook models.

All learn from the same rows as the served model at the same origin, so none looks ahead.
Those without a label (the purchase model, run-rates) may use the origin day itself: its
indicators are known by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.models.baseline import PurchaseModel, baseline, fit_purchase_model
from training.models.btyd import no_purchase_probability
from training.recipe import Recipe

CHURN: Mapping[str, str] = MappingProxyType(
    {
        "base_rate": "share of churners in the training rows, the same for everybody",
        "recency": "logistic regression on days since the last order",
        "purchase_model": "MBG/NBD or BG/NBD, probability of no purchase in the horizon",
        "logistic": "logistic regression on all standardised indicators",
    }
)
"""Churn baselines by name, with what they are."""

LTV: Mapping[str, str] = MappingProxyType(
    {
        "run_rate": "net spend of the last 365 days, scaled to the horizon",
        "same_length": "net spend of the past window nearest in length, scaled to the horizon",
        "last_year": "net spend of the same days last year, where they are known",
        "purchase_model": "purchase model times Gamma-Gamma order value",
    }
)
"""LTV baselines by name, with what they are."""

_WINDOWS = (30, 90, 180, 365)
_LAST_YEAR_DAYS = 90


def purchase_model(everyone: TrainingSet, recipe: Recipe) -> PurchaseModel:
    """Fit the purchase model to all rows of the origin day: it must see those who left."""
    return fit_purchase_model(everyone.columns, everyone.values, recipe.btyd)


def churn_baselines(
    train: TrainingSet, test: TrainingSet, purchase: PurchaseModel, recipe: Recipe
) -> dict[str, FloatArray]:
    """Return each baseline's churn probability for the rows ``(n,)`` of ``test``.

    Parameters
    ----------
    train
        Eligible rows whose churn label is closed at the origin.
    test
        Eligible rows of the origin day.
    """
    return {
        "base_rate": np.full(len(test), train.churned.mean()),
        "recency": _logistic(_recency(train), train.churned, _recency(test)),
        "purchase_model": _no_purchase(purchase, test, recipe),
        "logistic": _logistic(_design(train), train.churned, _design(test)),
    }


def ltv_baselines(
    test: TrainingSet, purchase: PurchaseModel, recipe: Recipe
) -> dict[str, FloatArray]:
    """Return each baseline's net value for the rows ``(n,)`` of ``test``, NaN if unknown."""
    horizon = recipe.ltv.horizon_days
    simple = baseline(purchase, test.columns, test.values, horizon, recipe.baseline)
    window = min(_WINDOWS, key=lambda days: abs(days - horizon))
    # A customer known for less than the window has spent that in fewer days.
    seen = np.clip(test.column("tenure_days"), recipe.baseline.min_observed_days, window)
    recent = np.nan_to_num(test.column(f"net_amount_{window}d"))
    return {
        "run_rate": simple.run_rate,
        "same_length": np.maximum(recent, 0.0) * horizon / seen,
        "last_year": test.column("net_amount_next_90d_last_year") * horizon / _LAST_YEAR_DAYS,
        "purchase_model": simple.btyd_value,
    }


def _no_purchase(model: PurchaseModel, rows: TrainingSet, recipe: Recipe) -> FloatArray:
    t_x, T = rows.column("last_order_age_days"), rows.column("tenure_days")
    return no_purchase_probability(
        model.btyd, rows.column("repeat_count"), t_x, T, recipe.churn.horizon_days
    )


def _logistic(train: FloatArray, label: FloatArray, test: FloatArray) -> FloatArray:
    if len(np.unique(label)) < 2:
        return np.full(len(test), label.mean())
    model: Pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probability: FloatArray = model.fit(train, label).predict_proba(test)[:, 1]
    return probability


def _recency(rows: TrainingSet) -> FloatArray:
    return np.log1p(rows.column("days_since_last_order"))[:, None]


def _design(rows: TrainingSet) -> FloatArray:
    """Indicators on a log scale that keeps the sign; unknown is 0 and says so in a flag."""
    with np.errstate(invalid="ignore"):
        scaled = np.sign(rows.values) * np.log1p(np.abs(rows.values))
    unknown = np.isnan(scaled)
    return np.column_stack([np.where(unknown, 0.0, scaled), unknown.astype(np.float64)])
