"""Rolling-origin backtest: stand at past days, train on what was known, judge by what came.

At every origin everything is fitted again (purchase model, trees, calibration, intervals,
the reference population) on labels that had closed by then; the embargo is the horizon
(``training/splits.py``). The served model and the baselines predict the same eligible
customers and stand side by side in one report.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.assign import decide
from tiering.scores import Reference
from tiering.stability import migration_matrix, psi
from training.dataset import challenged, learned_from
from training.evaluation import curves, metrics
from training.evaluation.baselines import churn_baselines, ltv_baselines, purchase_model
from training.evaluation.report import OURS, POOLED, BacktestReport, MetricRow, TierRow
from training.evaluation.uncertainty import difference_interval

if TYPE_CHECKING:
    from training.bundle import Bundle
    from training.dataset import TrainingSet
    from training.recipe import Recipe
    from training.splits import Origin, OriginPlan

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Predictions and outcomes of the eligible customers of one origin, or of all."""

    origin: str
    customer_id: npt.NDArray[np.str_]
    churned: FloatArray
    net_value: FloatArray
    churn: Mapping[str, FloatArray]
    ltv: Mapping[str, FloatArray]
    lower: FloatArray
    upper: FloatArray
    tier: npt.NDArray[np.int64]
    hindsight: npt.NDArray[np.int64]
    strict: npt.NDArray[np.int64]
    referred: npt.NDArray[np.bool_]

    @classmethod
    def pool(cls, parts: Sequence[_Judged]) -> _Judged:
        """Return all origins together."""

        def joined(name: str) -> Any:
            return np.concatenate([getattr(part, name) for part in parts])

        def by_model(name: str) -> dict[str, FloatArray]:
            models = getattr(parts[0], name)
            return {m: np.concatenate([getattr(part, name)[m] for part in parts]) for m in models}

        arrays = ("customer_id", "churned", "net_value", "lower", "upper")
        tiers = ("tier", "hindsight", "strict", "referred")
        return cls(
            origin=POOLED,
            churn=by_model("churn"),
            ltv=by_model("ltv"),
            **{name: joined(name) for name in (*arrays, *tiers)},
        )


def run_backtest(
    data: TrainingSet,
    plan: OriginPlan,
    recipe: Recipe,
    fit: Callable[[Origin], Bundle],
    *,
    facts: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> BacktestReport:
    """Run the backtest of a plan.

    Pooled figures are over the rows of all origins, except that AUC, PR-AUC and precision in
    the top decile are means over the origins, weighted by size (``WITHIN_ORIGIN``).

    Parameters
    ----------
    data
        All days of the plan.
    fit
        Trains a bundle for an origin from the days that its folds name.
    facts
        World, source fingerprints and the like, kept in the report beside the recipe's.
    progress
        Called before each origin and at the end.
    """
    begun = time.perf_counter()
    counts: list[Mapping[str, Any]] = []
    parts: list[_Judged] = []
    tier_ids: tuple[str, ...] = ()
    for number, origin in enumerate(plan.backtest):
        if progress:
            progress(f"backtest {origin.day}", number, len(plan.backtest))
        bundle = fit(origin)
        tier_ids = tuple(tier.id for tier in bundle.scheme.tiers)
        part, count = _judge(data, origin, recipe, bundle)
        parts.append(part)
        counts.append(count)
    pooled = _Judged.pool(parts)
    if progress:
        progress("backtest", len(plan.backtest), len(plan.backtest))
    everything = [*parts, pooled]
    return BacktestReport(
        facts={
            **(facts or {}),
            "recipe": recipe.id,
            "churn_horizon_days": recipe.churn.horizon_days,
            "ltv_horizon_days": recipe.ltv.horizon_days,
            "eligibility": recipe.eligibility.model_dump(),
            "origins": [str(count["origin"]) for count in counts],
            "interval": recipe.intervals.nominal,
        },
        counts=tuple(counts),
        rows=_rows(parts, pooled),
        tiers=tuple(_tier_row(judged, len(tier_ids)) for judged in everything),
        tier_ids=tier_ids,
        differences=tuple(_differences(pooled, recipe.seed)),
        curves=_curves(pooled),
        seconds=round(time.perf_counter() - begun, 1),
    )


def _judge(
    data: TrainingSet, origin: Origin, recipe: Recipe, bundle: Bundle
) -> tuple[_Judged, Mapping[str, Any]]:
    everyone = data.on(origin.day)
    test = everyone.where(everyone.eligible)
    # What nobody explained is not learned from, by the model and by the baselines alike (#7).
    learned = learned_from(data, recipe.eligibility)
    churn_days, ltv_days = origin.churn.train_days, origin.ltv.train_days
    train = learned.on(churn_days)
    train = train.where(train.eligible)
    ltv_rows = int(learned.on(ltv_days).eligible.sum())
    scores, decisions = bundle.decide(test.values)
    purchase = purchase_model(everyone, recipe)
    outcome = {"ltv": test.net_value, "churn_probability": test.churned}
    known = {**bundle.indicator_values(test.values, scores), **outcome}
    # A grade ranks a customer among expectations; in hindsight it ranks among outcomes. Ranked
    # among expectations, everyone who stayed would seem better than the best expectation.
    ranks = {**bundle.reference.knots, **Reference.fit(outcome).knots}
    hindsight = decide(bundle.scheme, Reference(ranks), known)
    strict = decide(bundle.scheme, bundle.reference, known)
    past = data.on(max(origin.churn.calibration_day, origin.ltv.calibration_day))
    _, before = bundle.decide(past.values[past.eligible])
    count = {
        "origin": str(origin.day),
        "customers": len(everyone),
        "eligible": len(test),
        "churn_rate": float(test.churned.mean()),
        "churn_train_rows": len(train),
        "churn_train_days": len(churn_days),
        "ltv_train_rows": ltv_rows,
        "ltv_train_days": len(ltv_days),
        "challenged": int(challenged(test.values, test.columns, recipe.eligibility).sum()),
        "churn_rows_left_out": int(data.on(churn_days).eligible.sum()) - len(train),
        "ltv_rows_left_out": int(data.on(ltv_days).eligible.sum()) - ltv_rows,
        "latest_label": str(max(origin.churn.calibration_day, origin.ltv.calibration_day)),
        "score_psi": psi(before.composite.score, decisions.composite.score, 10),
    }
    judged = _Judged(
        origin=str(origin.day),
        customer_id=test.customer_id,
        churned=test.churned,
        net_value=test.net_value,
        churn={
            OURS: scores.churn_probability,
            **churn_baselines(train, test, purchase, recipe),
        },
        ltv={OURS: scores.ltv, **ltv_baselines(test, purchase, recipe)},
        lower=scores.ltv_lower,
        upper=scores.ltv_upper,
        tier=decisions.tier.astype(np.int64),
        hindsight=hindsight.tier.astype(np.int64),
        strict=strict.tier.astype(np.int64),
        referred=decisions.referred,
    )
    return judged, count


def _rows(parts: Sequence[_Judged], pooled: _Judged) -> tuple[MetricRow, ...]:
    single = [row for part in parts for row in (*_churn_rows(part), *_ltv_rows(part))]
    churn = [row.ranked_within(single) for row in _churn_rows(pooled)]
    return (*single, *churn, *_ltv_rows(pooled))


def _churn_rows(judged: _Judged) -> list[MetricRow]:
    label = judged.churned
    rows = []
    for model, probability in judged.churn.items():
        figures = {
            "auc": metrics.auc(label, probability),
            "pr_auc": metrics.pr_auc(label, probability),
            "brier": metrics.brier(label, probability),
            "log_loss": metrics.log_loss(label, probability),
            "ece": metrics.ece(label, probability),
            "precision_top_decile": metrics.precision_at_k(label, probability, 0.1),
        }
        rows.append(MetricRow("churn", model, judged.origin, len(label), True, figures))
    return rows


def _ltv_rows(judged: _Judged) -> list[MetricRow]:
    rows = []
    for model, predicted in judged.ltv.items():
        known = ~np.isnan(predicted)
        actual, guess = judged.net_value[known], predicted[known]
        figures = {
            "mae": metrics.mae(actual, guess),
            "rmse": metrics.rmse(actual, guess),
            "normalised_gini": metrics.normalised_gini(actual, guess),
            "spearman": metrics.spearman(actual, guess),
            "decile_mape": metrics.decile_mape(actual, guess),
            "top_decile_share": metrics.top_decile_share(actual, guess),
        }
        if model == OURS:
            figures["coverage"] = metrics.interval_coverage(actual, judged.lower, judged.upper)
        whole = bool(known.all())
        rows.append(MetricRow("ltv", model, judged.origin, len(actual), whole, figures))
    return rows


def _tier_row(judged: _Judged, tiers: int) -> TierRow:
    given, right = judged.tier, judged.hindsight
    auto = ~judged.referred
    matrix = migration_matrix(given, right, tiers)
    return TierRow(
        origin=judged.origin,
        n=len(given),
        accuracy=float((given == right).mean()),
        within_one=float((np.abs(given - right) <= 1).mean()),
        too_high=float((given < right).mean()),
        too_low=float((given > right).mean()),
        majority=float(matrix.sum(axis=0).max() / len(given)),
        referred=float(judged.referred.mean()),
        strict_accuracy=float((given == judged.strict).mean()),
        auto_accuracy=float((given == right)[auto].mean()) if auto.any() else float("nan"),
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
    )


def _differences(pooled: _Judged, seed: int) -> list[dict[str, Any]]:
    losses: dict[tuple[str, str], dict[str, FloatArray]] = defaultdict(dict)
    for model, probability in pooled.churn.items():
        losses["churn", "brier"][model] = (probability - pooled.churned) ** 2
    for model, predicted in pooled.ltv.items():
        if not np.isnan(predicted).any():
            losses["ltv", "mae"][model] = np.abs(predicted - pooled.net_value)
    found = []
    for (target, metric), by_model in losses.items():
        for model, loss in by_model.items():
            if model != OURS:
                mean, low, high = difference_interval(
                    pooled.customer_id, by_model[OURS], loss, seed=seed
                )
                row = {"target": target, "metric": metric, "model": model}
                found.append({**row, "mean": mean, "low": low, "high": high})
    return found


def _curves(pooled: _Judged) -> dict[str, Any]:
    models = ("recency", "purchase_model", "logistic")
    shown = {name: pooled.churn[name] for name in (OURS, *models)}
    return {
        "reliability": {k: curves.reliability(pooled.churned, p) for k, p in shown.items()},
        "lift": {k: curves.lift(pooled.churned, p) for k, p in shown.items()},
        "deciles": {
            name: curves.deciles(pooled.net_value, pooled.ltv[name])
            for name in (OURS, "run_rate", "purchase_model")
            if not np.isnan(pooled.ltv[name]).any()
        },
    }
