"""Rolling-origin backtest: stand at past days, train on what was known, judge by what came.

At every origin everything is fitted again (purchase model, trees, calibration, intervals,
the reference population) on labels that had closed by then; the embargo is the horizon
(``training/splits.py``). The served model and the baselines predict the same eligible
customers and stand side by side in one report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from features.schema import FloatArray
from tiering.population.stability import psi
from training.dataset import challenged, learned_from
from training.evaluation import curves
from training.evaluation.baselines import churn_baselines, ltv_baselines, purchase_model
from training.evaluation.figures import metric_rows
from training.evaluation.indicators import misjudgment
from training.evaluation.judged import Forecast, Judged, pool
from training.evaluation.report import OURS, POOLED, BacktestReport
from training.evaluation.slices import history_dependence, slice_rows
from training.evaluation.tier_evidence import (
    in_hindsight,
    stability,
    tier_row,
    value_tier_row,
    value_tiers,
)
from training.evaluation.uncertainty import LEVEL, Draws, with_intervals
from training.evaluation.weights import weights_from_data
from training.models.tier_view import cuts_of, shares_of, tier_view

if TYPE_CHECKING:
    from training.bundle import Bundle
    from training.dataset import TrainingSet
    from training.recipe import Recipe
    from training.scores import Scores
    from training.splits import Origin, OriginPlan

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """A report and the judged rows behind it, one :class:`Judged` for each origin."""

    report: BacktestReport
    parts: tuple[Judged, ...]


def run_backtest(
    data: TrainingSet,
    plan: OriginPlan,
    recipe: Recipe,
    fit: Callable[[Origin], Bundle],
    *,
    facts: Mapping[str, Any] | None = None,
    industries: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> BacktestReport:
    """Run the backtest of a plan and return its report; see :func:`backtest_rows`."""
    return backtest_rows(
        data, plan, recipe, fit, facts=facts, industries=industries, progress=progress
    ).report


def backtest_rows(
    data: TrainingSet,
    plan: OriginPlan,
    recipe: Recipe,
    fit: Callable[[Origin], Bundle],
    *,
    facts: Mapping[str, Any] | None = None,
    industries: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Run the backtest of a plan.

    Pooled figures are over the rows of all origins, except that the ranking figures of churn
    are means over the origins, weighted by size (``WITHIN_ORIGIN``).

    Parameters
    ----------
    data
        All days of the plan.
    fit
        Trains a bundle for an origin from the days that its folds name.
    facts
        World, source fingerprints and the like, kept in the report beside the recipe's.
    industries
        Customer to industry, for the slices; None where nobody's industry is known.
    progress
        Called before each origin, before the intervals and at the end.
    """
    begun = time.perf_counter()
    tell = progress or (lambda *_: None)
    steps = len(plan.backtest) + 1
    counts: list[Mapping[str, Any]] = []
    parts: list[Judged] = []
    bundle: Bundle | None = None
    for number, origin in enumerate(plan.backtest):
        tell(f"backtest {origin.day}", number, steps)
        bundle = fit(origin)
        part, count = _judge(data, origin, recipe, bundle)
        parts.append(part)
        counts.append(count)
    assert bundle is not None, "a plan has origins"
    scheme = bundle.scheme
    tell("backtest intervals", steps - 1, steps)
    pooled, tiers = pool(parts), len(scheme.tiers)
    rows = metric_rows(parts, pooled)
    single = tuple(row for row in rows if row.origin != POOLED)
    sure, differences = with_intervals(
        pooled, [row for row in rows if row.origin == POOLED], recipe.seed
    )
    slices = slice_rows(pooled, recipe.seed, industries)
    report = BacktestReport(
        facts={
            **(facts or {}),
            "recipe": recipe.id,
            "churn_horizon_days": recipe.churn.horizon_days,
            "ltv_horizon_days": recipe.ltv.horizon_days,
            "eligibility": recipe.eligibility.model_dump(),
            "origins": [str(count["origin"]) for count in counts],
            "interval": recipe.intervals.nominal,
            "resamples": Draws.of(pooled.customer_id, recipe.seed).resamples,
            "confidence": LEVEL,
        },
        counts=tuple(counts),
        rows=(*single, *sure),
        tiers=tuple(tier_row(judged, tiers) for judged in (*parts, pooled)),
        tier_ids=tuple(tier.id for tier in scheme.tiers),
        differences=differences,
        curves=_curves(pooled),
        value_tiers=tuple(value_tier_row(judged, tiers) for judged in (*parts, pooled)),
        stability=stability(parts),
        slices=slices,
        history=history_dependence(pooled, slices),
        indicators=misjudgment(pooled, scheme, recipe.seed),
        weights=weights_from_data(pooled, scheme, recipe.seed),
        seconds=round(time.perf_counter() - begun, 1),
    )
    tell("backtest", steps, steps)
    return Backtest(report, tuple(parts))


def _judge(
    data: TrainingSet, origin: Origin, recipe: Recipe, bundle: Bundle
) -> tuple[Judged, Mapping[str, Any]]:
    everyone = data.on(origin.day)
    test = everyone.where(everyone.eligible)
    # What nobody explained is not learned from, by the model and by the baselines alike (#7).
    learned = learned_from(data, recipe.eligibility)
    churn_days, ltv_days = origin.churn.train_days, origin.ltv.train_days
    churn_train, ltv_train = (
        rows.where(rows.eligible) for rows in (learned.on(churn_days), learned.on(ltv_days))
    )
    scores, decisions = bundle.decide(test.values)
    hindsight, strict = in_hindsight(bundle, test, scores)
    past = data.on(max(origin.churn.calibration_day, origin.ltv.calibration_day))
    _, before = bundle.decide(past.values[past.eligible])
    count = {
        "origin": str(origin.day),
        "customers": len(everyone),
        "eligible": len(test),
        "churn_rate": float(test.churned.mean()),
        "churn_train_rows": len(churn_train),
        "churn_train_days": len(churn_days),
        "ltv_train_rows": len(ltv_train),
        "ltv_train_days": len(ltv_days),
        "challenged": int(challenged(test.values, test.columns, recipe.eligibility).sum()),
        "churn_rows_left_out": int(data.on(churn_days).eligible.sum()) - len(churn_train),
        "ltv_rows_left_out": int(data.on(ltv_days).eligible.sum()) - len(ltv_train),
        "latest_label": str(max(origin.churn.calibration_day, origin.ltv.calibration_day)),
        "score_psi": psi(before.composite.score, decisions.composite.score, 10),
    }
    tier = decisions.tier.astype(np.int64)
    judged = Judged(
        origin=str(origin.day),
        customer_id=test.customer_id,
        day=test.as_of,
        forecasts=(
            *_forecasts(everyone, test, churn_train, ltv_train, scores, bundle),
            *_more_forecasts(everyone, test, learned, origin, bundle),
        ),
        tier=tier,
        hindsight=hindsight,
        strict=strict,
        value_tier=value_tiers(test.net_value, tier, len(bundle.scheme.tiers)),
        referred=decisions.referred,
        score=decisions.composite.score,
        points=decisions.composite.points,
        dimensions=decisions.composite.dimension_score,
        tenure_days=test.column("tenure_days"),
        past_spend=test.column("net_amount_365d"),
        view=tier_view(
            tier,
            decisions.composite,
            scores,
            bundle.reference,
            cuts_of(bundle.scheme),
            shares_of(tier, len(bundle.scheme.tiers)),
        ),
    )
    return judged, count


def _forecasts(
    everyone: TrainingSet,
    test: TrainingSet,
    churn_train: TrainingSet,
    ltv_train: TrainingSet,
    scores: Scores,
    bundle: Bundle,
) -> tuple[Forecast, ...]:
    """Return the main forecasts of churn and LTV."""
    recipe = bundle.recipe
    purchase = purchase_model(everyone, recipe)
    churn_days, ltv_days = recipe.churn.horizon_days, recipe.ltv.horizon_days
    churn: dict[str, FloatArray] = {
        OURS: scores.churn_probability,
        **churn_baselines(churn_train, churn_train.churned, test, purchase, churn_days, recipe),
    }
    ltv: dict[str, FloatArray] = {
        OURS: scores.ltv,
        **ltv_baselines(ltv_train, ltv_train.net_value, test, purchase, ltv_days, recipe),
    }
    bounds = {recipe.intervals.nominal: (scores.ltv_lower, scores.ltv_upper)}
    bounds |= {each.nominal: each.bounds(scores.ltv) for each in bundle.ltv.others}
    return (
        Forecast("churn", churn_days, test.churned, churn, {}),
        Forecast("ltv", ltv_days, test.net_value, ltv, bounds),
    )


def _more_forecasts(
    everyone: TrainingSet,
    test: TrainingSet,
    learned: TrainingSet,
    origin: Origin,
    bundle: Bundle,
) -> Iterator[Forecast]:
    """Yield the forecasts of the recipe's other horizons: churn's, and demand."""
    recipe, purchase = bundle.recipe, None
    curve = bundle.churn_curve(test.values) if bundle.companions.more_churn else {}
    for fold in origin.more:
        purchase = purchase or purchase_model(everyone, recipe)
        days = fold.horizon_days
        train = learned.over(fold.target, days).on(fold.train_days)
        train = train.where(train.eligible)
        actual = test.over(fold.target, days)
        if fold.target == "churn":
            beside = churn_baselines(train, train.churned, test, purchase, days, recipe)
            yield Forecast("churn", days, actual.churned, {OURS: curve[days], **beside}, {})
        else:
            beside = ltv_baselines(train, train.net_value, test, purchase, days, recipe)
            ours = bundle.demand_forecast(test.values)
            yield Forecast("ltv", days, actual.net_value, {OURS: ours, **beside}, {})


def _curves(pooled: Judged) -> dict[str, Any]:
    churn, ltv = pooled.main("churn"), pooled.main("ltv")
    models = ("recency", "purchase_model", "logistic", "plain_lightgbm")
    shown = {name: churn.by_model[name] for name in (OURS, *models)}
    return {
        "reliability": {k: curves.reliability(churn.actual, p) for k, p in shown.items()},
        "lift": {k: curves.lift(churn.actual, p) for k, p in shown.items()},
        "deciles": {
            name: curves.deciles(ltv.actual, ltv.by_model[name])
            for name in (OURS, "run_rate", "purchase_model")
            if not np.isnan(ltv.by_model[name]).any()
        },
    }
