"""The simulated company's truth beside what the models said: no real log can tell this."""

from __future__ import annotations

from typing import Any

import numpy as np

from features.parquet import floats, strings
from features.schema import FloatArray
from features.worlds import b2b
from features.worlds.company.seasons import AHEAD
from features.worlds.company.truth import truth_on
from tiering.policy import Scheme
from training.evaluation.metrics import auc, ece, spearman
from training.fitting import fit_bundle
from training.models.threads import single_threaded_algebra
from training.pipeline import Material
from training.recipe import Recipe


def against_truth(material: Material, recipe: Recipe, scheme: Scheme) -> dict[str, Any]:
    """Fit every backtest origin and compare the eligible customers' predictions with the truth.

    Returns
    -------
    dict
        ``churn_calibration_error`` is the mean gap, over ten bins of equal count, between the
        predicted probability and the true probability of no order in the horizon;
        ``churn_calibration_error_outcomes`` the same against what happened, which is noisier.
        ``leave_*`` look at the planted hazard to leave for good, of accounts still there.
        Correlations are Pearson's and Spearman's, over all origins pooled.
    """
    parts: list[dict[str, FloatArray]] = []
    horizons = (recipe.churn.horizon_days, recipe.ltv.horizon_days)
    if max(horizons) > AHEAD:
        return {"skipped": f"the truth looks {AHEAD} days ahead, the recipe {max(horizons)}"}
    for origin in material.plan.backtest:
        with single_threaded_algebra():
            bundle = fit_bundle(material.data, origin, recipe, scheme, material.provenance)
        rows = material.data.on(origin.day)
        rows = rows.where(rows.eligible)
        scores = bundle.score(rows.values)
        table = truth_on(b2b.SEED, b2b.ACCOUNTS, [origin.day], sorted(set(horizons)))
        where = {name: index for index, name in enumerate(strings(table, "customer_id"))}
        order = np.array([where[name] for name in rows.customer_id])

        def true(name: str, table: Any = table, order: Any = order) -> FloatArray:
            return floats(table, name)[order]

        parts.append(
            {
                "churn": scores.churn_probability,
                "churned": rows.churned,
                "ltv": scores.ltv,
                "net_value": rows.net_value,
                "silence": true(f"silence_probability_{horizons[0]}d"),
                "leave": true(f"leave_probability_{horizons[0]}d"),
                "alive": np.array(table["is_alive"].to_pylist(), dtype=np.float64)[order],
                "expected": true(f"expected_net_{horizons[1]}d"),
            }
        )
    pooled = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    there = pooled["alive"] > 0.5
    return {
        "origins": len(parts),
        "n": len(pooled["churn"]),
        "churn_horizon_days": horizons[0],
        "ltv_horizon_days": horizons[1],
        "churn_calibration_error": ece(pooled["silence"], pooled["churn"]),
        "churn_calibration_error_outcomes": ece(pooled["churned"], pooled["churn"]),
        "churn_correlation_with_true_silence": _pearson(pooled["churn"], pooled["silence"]),
        "auc_of_the_truth": auc(pooled["churned"], pooled["silence"]),
        "auc": auc(pooled["churned"], pooled["churn"]),
        "leave_rank_correlation": spearman(pooled["leave"][there], pooled["churn"][there]),
        "leave_mean_true": float(pooled["leave"][there].mean()),
        "ltv_correlation": _pearson(pooled["ltv"], pooled["expected"]),
        "ltv_log_correlation": _pearson(np.log1p(pooled["ltv"]), np.log1p(pooled["expected"])),
        "ltv_rank_correlation": spearman(pooled["expected"], pooled["ltv"]),
        "rank_correlation_of_outcomes_with_truth": spearman(
            pooled["net_value"], pooled["expected"]
        ),
        "ltv_total_to_true": float(pooled["ltv"].sum() / pooled["expected"].sum()),
    }


def _pearson(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a, b)[0, 1])
