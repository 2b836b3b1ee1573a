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
from training.evaluation.plain import plain_churn, plain_log_ltv, plain_ltv
from training.models.baseline import PurchaseModel, baseline, fit_purchase_model
from training.models.btyd import no_purchase_probability
from training.recipe import Recipe

CHURN: Mapping[str, str] = MappingProxyType(
    {
        "base_rate": "share of churners in the training rows, the same for everybody",
        "recency": "logistic regression on days since the last order",
        "purchase_model": "MBG/NBD or BG/NBD, probability of no purchase in the horizon",
        "logistic": "logistic regression on all standardised indicators",
        "plain_lightgbm": "LightGBM with its default settings on the raw indicators",
    }
)
"""Churn baselines by name, with what they are."""

LTV: Mapping[str, str] = MappingProxyType(
    {
        "run_rate": "net spend of the last 365 days, scaled to the horizon",
        "same_length": "net spend of the past window nearest in length, scaled to the horizon",
        "last_year": "net spend of the same days last year, where they are known",
        "purchase_model": "purchase model times Gamma-Gamma order value",
        "plain_lightgbm": "LightGBM (Tweedie) with its default settings on the raw indicators",
        "log_lightgbm": "LightGBM (L2 on the log of the amount), default settings, raw",
    }
)
"""LTV baselines by name, with what they are."""

_WINDOWS = (30, 90, 180, 365)
_LAST_YEAR_DAYS = 90


def purchase_model(everyone: TrainingSet, recipe: Recipe) -> PurchaseModel:
    """Fit the purchase model to all rows of the origin day: it must see those who left."""
    return fit_purchase_model(everyone.columns, everyone.values, recipe.btyd)


def churn_baselines(
    train: TrainingSet,
    label: FloatArray,
    test: TrainingSet,
    purchase: PurchaseModel,
    horizon_days: int,
    recipe: Recipe,
) -> dict[str, FloatArray]:
    """Return each baseline's churn probability for the rows ``(m,)`` of ``test``.

    Parameters
    ----------
    train
        Eligible rows whose churn label is closed at the origin.
    label
        ``(n,)`` whether each of these churned within the horizon, 1.0 or 0.0.
    test
        Eligible rows of the origin day.
    """
    return {
        "base_rate": np.full(len(test), label.mean()),
        "recency": _logistic(_recency(train), label, _recency(test)),
        "purchase_model": _no_purchase(purchase, test, horizon_days),
        "logistic": _logistic(_design(train), label, _design(test)),
        "plain_lightgbm": plain_churn(train, label, test, recipe),
    }


def ltv_baselines(
    train: TrainingSet,
    net_value: FloatArray,
    test: TrainingSet,
    purchase: PurchaseModel,
    horizon_days: int,
    recipe: Recipe,
) -> dict[str, FloatArray]:
    """Return each baseline's net value for the rows ``(m,)`` of ``test``, NaN if unknown.

    Parameters
    ----------
    train
        Eligible rows whose net value is closed at the origin.
    net_value
        ``(n,)`` their net value in the horizon, money.
    test
        Eligible rows of the origin day.
    """
    simple = baseline(purchase, test.columns, test.values, horizon_days, recipe.baseline)
    window = min(_WINDOWS, key=lambda days: abs(days - horizon_days))
    # A customer known for less than the window has spent that in fewer days.
    seen = np.clip(test.column("tenure_days"), recipe.baseline.min_observed_days, window)
    recent = np.nan_to_num(test.column(f"net_amount_{window}d"))
    last_year = test.column("net_amount_next_90d_last_year")
    return {
        "run_rate": simple.run_rate,
        "same_length": np.maximum(recent, 0.0) * horizon_days / seen,
        "last_year": last_year * horizon_days / _LAST_YEAR_DAYS,
        "purchase_model": simple.btyd_value,
        "plain_lightgbm": plain_ltv(train, net_value, test, recipe),
        "log_lightgbm": plain_log_ltv(train, net_value, test, recipe),
    }


def _no_purchase(model: PurchaseModel, rows: TrainingSet, horizon_days: int) -> FloatArray:
    t_x, T = rows.column("last_order_age_days"), rows.column("tenure_days")
    return no_purchase_probability(model.btyd, rows.column("repeat_count"), t_x, T, horizon_days)


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
