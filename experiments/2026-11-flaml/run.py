"""FLAML against the models: same training rows, same test origins, the same seconds.

    python experiments/2026-11-flaml/run.py --state var/bench-models

At every origin a bundle is fitted as `tierwise backtest` fits it, and the seconds this took are
FLAML's budget for each target and each loss. Cases are those of `make bench-models`. Writes
`result.json` beside this file, which the page of the models shows; cases that are not run again
stay in it. How FLAML is installed is said in README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from features.parquet import atomic_path
from features.schema import FloatArray
from tests.benchmarks.models.bench_cases import Case, Skipped, read_cases, take_in
from tiering.policy import Scheme
from tiering.scheme import load_scheme
from training import automl
from training.dataset import TrainingSet, learned_from
from training.evaluation.figures import metric_rows
from training.evaluation.judged import Forecast, Judged, pool
from training.evaluation.report import BacktestReport
from training.evaluation.rows import OURS, POOLED
from training.evaluation.uncertainty import LEVEL, Draws, with_intervals
from training.fitting import fit_bundle
from training.models.threads import single_threaded_algebra
from training.pipeline import Material, prepare
from training.recipe import Recipe
from training.splits import Origin
from training.tuning.court import with_origins

CASES = ("online_retail_II, 90 days", "journey, 90 days, churn 30", "cdnow, 91 days", "b2b")
LOSSES: dict[str, tuple[automl.Loss, ...]] = {"churn": ("log_loss",), "ltv": ("mse", "mae")}
PACKAGES = ("flaml", "xgboost-cpu", "lightgbm", "scikit-learn", "numpy")
RESULT = Path(__file__).parent / "result.json"

Spent = dict[str, tuple[float, float]]
"""Wall and processor seconds by who spent them."""


def main() -> None:
    """Run the cases and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("var/bench-models"))
    parser.add_argument("--only", default="", help="run the cases whose id holds this word")
    parser.add_argument("--origins", type=int, default=0, help="the latest; by default the case's")
    parser.add_argument("--customers", type=int, default=0, help="draw so many; by default all")
    parser.add_argument("--times", type=float, default=1.0, help="FLAML's seconds over ours")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if not automl.available():
        sys.exit("FLAML cannot be imported: pip install 'tierwise[automl]'")
    scheme = load_scheme()
    kept = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else {"cases": []}
    found = {each["id"]: each for each in kept["cases"]}
    for case in read_cases():
        if case.id not in CASES or options.only not in case.id:
            continue
        try:
            for so_far in compete(case, scheme, options):
                found[case.id] = so_far
                cases = [found[name] for name in CASES if name in found]
                with atomic_path(options.out) as part:
                    document = {"schema_version": 1, "cases": cases}
                    part.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        except Skipped as reason:
            print(f"{case.id}: skipped, {reason}", file=sys.stderr)


def compete(case: Case, scheme: Scheme, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield both sides' figures after each origin, pooled over those so far."""
    recipe = with_origins(case.recipe, options.origins or case.recipe.backtest.origins)
    folder = options.state / case.data
    material = prepare(take_in(case.data, folder), folder, recipe)
    if options.customers:
        material = replace(material, data=drawn(material.data, options.customers, recipe.seed))
    parts, counts = [], []
    for origin in material.plan.backtest:
        print(f"{case.id}: {origin.day}", file=sys.stderr, flush=True)
        spent: Spent = {}
        with single_threaded_algebra():
            fit = partial(fit_bundle, material.data, origin, recipe, scheme, material.provenance)
            bundle = timed(spent, OURS, fit)
        test = eligible(material.data.on(origin.day))
        scores = bundle.score(test.values)
        budget = options.times * spent[OURS][0]
        forecasts = []
        for target, mine, actual in (
            ("churn", scores.churn_probability, test.churned),
            ("ltv", scores.ltv, test.net_value),
        ):
            by_model: dict[str, FloatArray] = {OURS: mine}
            for loss in LOSSES[target]:
                name = f"flaml_{loss}"
                work = partial(search, material, case, origin, target, loss, budget)
                by_model[name] = timed(spent, name, work)
            days = getattr(recipe, target).horizon_days
            forecasts.append(Forecast(target, days, actual, by_model, {}))
        parts.append(judged(origin, test, forecasts))
        counts.append(
            {
                "origin": str(origin.day),
                "eligible": len(test),
                "budget_seconds": round(budget, 2),
                "wall_seconds": {name: round(wall, 2) for name, (wall, _) in spent.items()},
                "processor_seconds": {name: round(cpu, 2) for name, (_, cpu) in spent.items()},
            }
        )
        yield told(case, recipe, material, parts, counts, options)


def told(
    case: Case,
    recipe: Recipe,
    material: Material,
    parts: Sequence[Judged],
    counts: Sequence[Mapping[str, Any]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return the figures of some origins in the words of a backtest report."""
    pooled = pool(parts)
    rows = [row for row in metric_rows(parts, pooled) if row.origin == POOLED]
    sure, differences = with_intervals(pooled, rows, recipe.seed)
    report = BacktestReport(
        facts={
            "world": material.provenance.world,
            "currency": material.provenance.currency,
            "simulated": material.provenance.simulated,
            "recipe": recipe.id,
            "churn_horizon_days": recipe.churn.horizon_days,
            "ltv_horizon_days": recipe.ltv.horizon_days,
            "threads": recipe.lightgbm.threads,
            "customers": options.customers or None,
            "resamples": Draws.of(pooled.customer_id, recipe.seed).resamples,
            "confidence": LEVEL,
        },
        counts=tuple(counts),
        rows=sure,
        tiers=(),
        tier_ids=(),
        differences=differences,
    ).to_dict()
    kept = ("facts", "counts", "rows", "differences")
    return {
        "id": case.id,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "packages": {name: version(name) for name in PACKAGES},
        "times": options.times,
        "simulated": material.provenance.simulated,
        "recipe": recipe.id,
        "recipe_sha256": recipe.sha256,
        "report": {name: report[name] for name in kept},
    }


def timed(spent: Spent, name: str, work: Callable[[], Any]) -> Any:
    """Do some work; note its seconds by the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    spent[name] = time.perf_counter() - wall, time.process_time() - cpu
    return found


def search(
    material: Material, case: Case, origin: Origin, target: str, loss: automl.Loss, seconds: float
) -> FloatArray:
    """Return FLAML's predictions for one origin and target."""
    learned = learned_from(material.data, case.recipe.eligibility)
    name = "churn" if target == "churn" else "ltv"
    with single_threaded_algebra():
        found: FloatArray = automl.predict(
            eligible(learned.on(origin.fold(name).train_days)),
            eligible(material.data.on(origin.day)),
            name,
            seconds=seconds,
            seed=case.recipe.seed,
            loss=loss,
            threads=case.recipe.lightgbm.threads,
        )
    return found


def drawn(data: TrainingSet, customers: int, seed: int) -> TrainingSet:
    """Return the rows of so many customers, drawn evenly from all; both sides get the same."""
    names = np.unique(data.customer_id)
    chosen = np.random.default_rng(seed).choice(names, min(customers, len(names)), replace=False)
    return data.where(np.isin(data.customer_id, chosen))


def judged(origin: Origin, test: TrainingSet, forecasts: Sequence[Forecast]) -> Judged:
    """Return the rows of an origin for the metrics of a backtest; nobody is graded here."""
    none, numbers = np.zeros(len(test), dtype=np.int64), np.zeros(len(test))
    return Judged(
        origin=str(origin.day),
        customer_id=test.customer_id,
        day=test.as_of,
        forecasts=tuple(forecasts),
        tier=none,
        hindsight=none,
        strict=none,
        value_tier=none,
        referred=np.zeros(len(test), dtype=np.bool_),
        score=numbers,
        points=numbers[:, None],
        dimensions=numbers[:, None],
        tenure_days=numbers,
        past_spend=numbers,
    )


def eligible(rows: TrainingSet) -> TrainingSet:
    """Return the rows that models learn from and are judged on."""
    return rows.where(rows.eligible)


if __name__ == "__main__":
    main()
