"""Backtest LTV with other shares of mean, median, purchase model and trust in corrections.

    .venv/bin/python experiments/2026-11-mean-and-median/run.py --home var --world online_retail_II

The world's ingested sources are read from ``--home``; missing snapshots are published there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from features.sources import open_sources
from tiering.scheme import load_scheme
from training.evaluation.tables import markdown
from training.models.threads import single_threaded_algebra
from training.pipeline import prepare
from training.recipe import load_recipe, parse_recipe, recipe_names
from training.recipe_text import with_fields
from training.tuning.court import Court, Ground, Judged

SHOWN = ("ltv.mae", "ltv.rmse", "ltv.normalised_gini", "ltv.spearman")
SHARE, WEIGHT, TRUST = "lightgbm.ltv_median.share", "baseline.btyd_weight", "baseline.half_trust"
VARIANTS = {
    "as the recipe says": {},
    "mean alone": {SHARE: 0.0},
    "median alone": {SHARE: 1.0},
    "purchase model .4": {WEIGHT: 0.4},
    "purchase model alone": {WEIGHT: 1.0},
    "all corrections trusted": {TRUST: 0.0},
    "level of the past as a whole": {"intervals.bias_shrinkage": 1.0},
}


def main() -> None:
    """Print one table a world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--world", action="append", help="may be repeated")
    options = parser.parse_args()
    for world in options.world or ["online_retail_II", "journey", "cdnow"]:
        sources = open_sources(options.home / world / "sources")
        recipe = load_recipe(world if world in recipe_names() else "default")
        material = prepare(sources, options.home / world, recipe)
        info, days = sources.info, [origin.day for origin in material.plan.backtest]
        ground = Ground(
            info.first_day,
            info.last_day,
            material.data,
            material.provenance,
            material.provenance.data_fingerprint,
        )
        court = Court(ground, load_scheme(), len(days))
        rows = []
        for name, fields in VARIANTS.items():
            changed = parse_recipe(with_fields(recipe.text, fields), origin=name)
            with single_threaded_algebra():
                judged = Judged.pool([court.judge(changed, day) for day in days])
            rows.append([name, *(f"{judged.figure(figure):.4g}" for figure in SHOWN)])
        Console().print(f"## {world}\n", markdown([["variant", *SHOWN], *rows]), sep="\n")


if __name__ == "__main__":
    main()
