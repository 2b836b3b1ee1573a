"""Backtest one world under several values of recipe fields, side by side.

    .venv/bin/python experiments/2026-11-tweedie-power/run.py b2b

The world's sources are ingested into the experiment's own folder below ``var``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from features.backends import connect
from features.door.ingest import ingest
from features.sources import Sources, open_sources
from features.worlds.registry import load
from tiering.scheme import load_scheme
from training.pipeline import backtest, prepare
from training.recipe import load_recipe, parse_recipe

VARIANTS = (
    {"tweedie_power": 1.2, "bias_shrinkage": 0.25},
    {"tweedie_power": 1.5, "bias_shrinkage": 0.25},
    {"tweedie_power": 1.8, "bias_shrinkage": 0.25},
    {"tweedie_power": 1.5, "bias_shrinkage": 0.0},
    {"tweedie_power": 1.8, "bias_shrinkage": 0.0},
)
METRICS = ("mae", "rmse", "normalised_gini", "spearman", "coverage")


def sources_of(world: str, folder: Path) -> Sources:
    """Ingest a demo world once."""
    if not (folder / "sources").exists():
        connection = connect()
        loaded = load(world, connection)
        ingest(
            loaded.tables,
            folder / "sources",
            connection=connection,
            world=world,
            currency=loaded.currency,
            simulated=loaded.simulated,
            terms=loaded.terms,
        )
    return open_sources(folder / "sources")


def main(world: str) -> None:
    """Print the pooled LTV metrics of every variant and, last, of the baselines."""
    folder = Path("var") / "experiments" / world
    folder.mkdir(parents=True, exist_ok=True)
    sources = sources_of(world, folder)
    table = Table("model", *METRICS, title=f"{world}, LTV, origins pooled")
    rows = {}
    for variant in VARIANTS:
        text = load_recipe(world).text
        for field, value in variant.items():
            text = re.sub(rf"^{field} = .*", f"{field} = {value}", text, flags=re.M)
        recipe = parse_recipe(text, origin=f"{world} {variant}")
        report = backtest(prepare(sources, folder, recipe), recipe, load_scheme("default"))
        rows = report.pooled("ltv")
        name = ", ".join(f"{field} {value}" for field, value in variant.items())
        table.add_row(name, *(f"{rows['tierwise'].metrics[m]:,.4g}" for m in METRICS))
    for model, row in rows.items():
        if model != "tierwise" and row.whole:
            table.add_row(model, *(f"{row.metrics.get(m, float('nan')):,.4g}" for m in METRICS))
    Console(width=100).print(table)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "b2b")
