"""Weights of the dimensions from data: what realised value says they should be (#39).

Non-negative least squares of log(1 + realised net value) on the dimension scores of all
origins together, each origin about its own means, so that a season is nobody's merit. The
scores are percentile points of one unit, so coefficients compare; divided by their sum they
are weights. ``tiering`` may blend them with those of the experts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from features.schema import FloatArray
from tiering.policy import Scheme
from training.evaluation import metrics
from training.evaluation.judged import Judged
from training.evaluation.uncertainty import Draws, interval


def weights_from_data(pooled: Judged, scheme: Scheme, seed: int) -> Mapping[str, Any]:
    """Return the dimensions' weights by regression beside those of the scheme.

    Returns
    -------
    mapping
        ``n``; ``horizon_days`` of the realised value; ``dimensions``: for each ``dimension``
        its ``expert`` weight, the weight from ``data`` and the ``low`` and ``high`` of its 95 %
        interval; ``expert_spearman`` and ``data_spearman``: rank correlation of the score by
        either weights with the realised value. Where the scores explain nothing, weights and
        bounds are NaN.
    """
    forecast = pooled.main("ltv")
    rows = forecast.closed
    scores, value = pooled.dimensions[rows], forecast.actual[rows]
    day = pooled.day[rows]
    design = _centred(scores, day)
    outcome = _centred(np.log1p(np.maximum(value, 0.0))[:, None], day)[:, 0]
    found = fit_weights(design, outcome)
    drawn = _drawn(design, outcome, pooled.customer_id[rows], seed)
    expert = np.array([dimension.weight for dimension in scheme.dimensions])
    told = []
    for k, dimension in enumerate(scheme.dimensions):
        low, high = interval(drawn[:, k])
        told.append(
            {
                "dimension": dimension.id,
                "expert": float(expert[k]),
                "data": float(found[k]),
                "low": low,
                "high": high,
            }
        )
    return {
        "n": len(value),
        "horizon_days": forecast.horizon_days,
        "dimensions": told,
        "expert_spearman": metrics.spearman(value, design @ expert),
        "data_spearman": metrics.spearman(value, design @ np.nan_to_num(found)),
    }


def fit_weights(design: FloatArray, outcome: FloatArray) -> FloatArray:
    """Return non-negative weights ``(d,)`` that sum to 1; NaN if the scores explain nothing.

    Parameters
    ----------
    design
        ``(n, d)`` scores, each column about its mean.
    outcome
        ``(n,)`` what they are to explain, about its mean.
    """
    return _solve(design.T @ design, design.T @ outcome)


def _solve(gram: FloatArray, moment: FloatArray) -> FloatArray:
    """Solve the non-negative normal equations through a root of the Gram matrix."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > values.max(initial=0.0) * 1e-12
    root = np.sqrt(values[kept])
    if not kept.any():
        return np.full(len(moment), np.nan)
    matrix = root[:, None] * vectors[:, kept].T
    target = (vectors[:, kept].T @ moment) / root
    coefficients: FloatArray = nnls(matrix, target)[0]
    total = float(coefficients.sum())
    return coefficients / total if total > 0 else np.full(len(moment), np.nan)


def _centred(values: FloatArray, day: npt.NDArray[np.datetime64]) -> FloatArray:
    """Take every day's own means off columns ``(n, d)``; unknown is the mean."""
    found = np.zeros_like(values)
    for each in np.unique(day):
        here = day == each
        known = ~np.isnan(values[here])
        filled = np.where(known, values[here], 0.0)
        mean = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        found[here] = np.where(known, filled - mean, 0.0)
    return found


def _drawn(
    design: FloatArray, outcome: FloatArray, customer_id: npt.NDArray[np.str_], seed: int
) -> FloatArray:
    """Return weights of each bootstrap draw of the customers, ``(r, d)``."""
    d = design.shape[1]
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), d * d)
    columns = np.column_stack([squares, design * outcome[:, None]])
    totals = Draws.of(customer_id, seed).totals(columns)
    return np.stack([_solve(t[: d * d].reshape(d, d), t[d * d :]) for t in totals])
