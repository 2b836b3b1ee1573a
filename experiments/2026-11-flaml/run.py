"""FLAML against the models: same training rows, same test origins, the same seconds.

    .venv/bin/python experiments/2026-11-flaml/run.py --home var --world online_retail_II

At every origin the models are fitted as `tierwise backtest` does, and the seconds they took (both
targets together) are FLAML's budget for each target and each loss. Needs the extra `automl`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from features.schema import FloatArray
from features.sources import open_sources
from tiering.scheme import load_scheme
from training import automl
from training.dataset import TrainingSet, learned_from
from training.evaluation.tables import markdown
from training.models.threads import single_threaded_algebra
from training.pipeline import Material, prepare
from training.recipe import Recipe, load_recipe, recipe_names
from training.splits import Origin
from training.tuning.court import Court, Ground, Judged, loss_interval, with_origins

SHOWN = {
    "churn": ("churn.auc", "churn.log_loss", "churn.brier", "churn.ece"),
    "ltv": ("ltv.mae", "ltv.rmse", "ltv.normalised_gini", "ltv.spearman"),
}
LOSSES: dict[str, tuple[automl.Loss, ...]] = {"churn": ("log_loss",), "ltv": ("mse", "mae")}


def main() -> None:
    """Print one table a world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--world", action="append", help="may be repeated")
    parser.add_argument("--origins", type=int, default=0, help="by default the recipe's")
    parser.add_argument("--times", type=float, default=1.0, help="FLAML's seconds over ours")
    options = parser.parse_args()
    if not automl.available():
        sys.exit("FLAML cannot be imported: pip install 'tierwise[automl]'")
    for world in options.world or ["online_retail_II", "journey", "cdnow"]:
        if not (options.home / world / "sources").exists():
            print(f"{world}: skipped, no ingested sources below {options.home}")
            continue
        compete(options.home, world, options.origins, options.times)


def compete(home: Path, world: str, origins: int, times: float) -> None:
    """Print the table of one world, in Markdown."""
    recipe = load_recipe(world if world in recipe_names() else "default")
    count = origins or recipe.backtest.origins
    sources = open_sources(home / world / "sources")
    material = prepare(sources, home / world, with_origins(recipe, count))
    info = sources.info
    ground = Ground(info.first_day, info.last_day, material.data, material.provenance, "")
    court = Court(ground, load_scheme(), count)
    ours: list[Judged] = []
    theirs: dict[tuple[str, str], list[Judged]] = {}
    seconds: list[float] = []
    with single_threaded_algebra():
        for origin in material.plan.backtest:
            print(f"{world}: {origin.day}", file=sys.stderr, flush=True)
            begun = time.perf_counter()
            ours.append(court.judge(recipe, origin.day))
            seconds.append(time.perf_counter() - begun)
            for target, losses in LOSSES.items():
                for loss in losses:
                    judged = search(material, recipe, origin, target, loss, times * seconds[-1])
                    theirs.setdefault((target, loss), []).append(judged)
    print(
        f"\n**{world}**{', simulated' if info.simulated else ''} ({info.currency}), churn "
        f"{recipe.churn.horizon_days} d, LTV {recipe.ltv.horizon_days} d, origins "
        f"{material.plan.backtest[0].day} to {material.plan.backtest[-1].day} ({count}), "
        f"{len(Judged.pool(ours).customer_id):,} customer-origins; seconds an origin: ours "
        f"{sum(seconds) / count:.1f} for both targets, FLAML {times * sum(seconds) / count:.1f} "
        "for each row"
    )
    pooled = Judged.pool(ours)
    for target in SHOWN:
        loss = "churn.log_loss" if target == "churn" else "ltv.mae"
        table = [["model", *SHOWN[target], f"Δ {loss}, ours − FLAML, 95 %"]]
        table.append(["tierwise", *(f"{pooled.figure(name):.4g}" for name in SHOWN[target]), "–"])
        for (of, how), parts in theirs.items():
            if of == target:
                other = Judged.pool(parts)
                mean, low, high = loss_interval(loss, other, pooled, seed=recipe.seed)
                row = [f"FLAML, {how}", *(f"{other.figure(name):.4g}" for name in SHOWN[target])]
                table.append([*row, f"{mean:+.3g} ({low:+.3g} to {high:+.3g})"])
        print(f"\n{markdown(table)}", flush=True)


def search(
    material: Material,
    recipe: Recipe,
    origin: Origin,
    target: str,
    loss: automl.Loss,
    seconds: float,
) -> Judged:
    """Return FLAML's predictions of one origin for one target."""
    learned = learned_from(material.data, recipe.eligibility)
    name = "churn" if target == "churn" else "ltv"
    train = _eligible(learned.on(origin.fold(name).train_days))
    test = _eligible(material.data.on(origin.day))
    found: FloatArray = automl.predict(
        train,
        test,
        name,
        seconds=seconds,
        seed=recipe.seed,
        loss=loss,
        threads=recipe.lightgbm.threads,
    )
    label = test.churned if target == "churn" else test.net_value
    return Judged(test.customer_id, {target: label}, {target: found})


def _eligible(rows: TrainingSet) -> TrainingSet:
    return rows.where(rows.eligible)


if __name__ == "__main__":
    main()
