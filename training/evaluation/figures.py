"""Metric rows of a forecast: one for each model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation import metrics
from training.evaluation.judged import Forecast, Judged
from training.evaluation.rows import OURS, MetricRow


def metric_rows(parts: Sequence[Judged], pooled: Judged) -> tuple[MetricRow, ...]:
    """Return the metrics of every model at every origin, then pooled over all."""
    single = [row for part in parts for row in _rows(part)]
    return (*single, *(row.ranked_within(single) for row in _rows(pooled)))


def known_rows(forecast: Forecast, model: str) -> npt.NDArray[np.bool_]:
    """Return the rows ``(n,)`` with a closed outcome that a model predicted."""
    return forecast.closed & ~np.isnan(forecast.by_model[model])


def churn_figures(label: FloatArray, probability: FloatArray) -> dict[str, float]:
    """Return all metrics of churn probabilities ``(n,)``."""
    return {
        "auc": metrics.auc(label, probability),
        "pr_auc": metrics.pr_auc(label, probability),
        "brier": metrics.brier(label, probability),
        "log_loss": metrics.log_loss(label, probability),
        "ece": metrics.ece(label, probability),
        "precision_top_decile": metrics.precision_at_k(label, probability, 0.1),
        "precision_top_twentieth": metrics.precision_at_k(label, probability, 0.05),
        "lift_top_decile": metrics.top_decile_lift(label, probability),
        "bias": metrics.probability_bias(label, probability),
    }


def ltv_figures(actual: FloatArray, predicted: FloatArray) -> dict[str, float]:
    """Return all metrics of expected net values ``(n,)``, money."""
    return {
        "mae": metrics.mae(actual, predicted),
        "rmse": metrics.rmse(actual, predicted),
        "normalised_gini": metrics.normalised_gini(actual, predicted),
        "spearman": metrics.spearman(actual, predicted),
        "decile_mape": metrics.decile_mape(actual, predicted),
        "top_decile_share": metrics.top_decile_share(actual, predicted),
        "top_quintile_share": metrics.top_decile_share(actual, predicted, 0.2),
        "top_decile_lift": metrics.top_decile_lift(actual, predicted),
        "bias": metrics.relative_bias(actual, predicted),
    }


def coverage_name(level: float, *, main: bool) -> str:
    """Return the metric's name of the coverage of an interval: ``coverage``, ``coverage_80``."""
    return "coverage" if main else f"coverage_{100 * level:g}"


def _rows(judged: Judged) -> list[MetricRow]:
    found = []
    for forecast in judged.forecasts:
        closed = int(forecast.closed.sum())
        for model, predicted in forecast.by_model.items():
            known = known_rows(forecast, model)
            actual, guess = forecast.actual[known], predicted[known]
            of_target = churn_figures if forecast.target == "churn" else ltv_figures
            figures = of_target(actual, guess)
            if model == OURS:
                for place, (level, (low, high)) in enumerate(forecast.bounds.items()):
                    figures[coverage_name(level, main=place == 0)] = metrics.interval_coverage(
                        actual, low[known], high[known]
                    )
            found.append(
                MetricRow(
                    target=forecast.target,
                    model=model,
                    origin=judged.origin,
                    n=len(actual),
                    whole=len(actual) == closed,
                    metrics=figures,
                    horizon_days=forecast.horizon_days,
                )
            )
    return found
