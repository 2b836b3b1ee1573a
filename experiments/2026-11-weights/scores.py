"""Backtest one world and keep what weights are fitted to: dimension scores and what came.

    python experiments/2026-11-weights/scores.py SOURCES STATE RECIPE OUT.npz

SOURCES are ingested sources (``tierwise features ingest``), STATE a folder for snapshots, OUT the
arrays: ``customer_id``, ``day``, ``dimensions`` and, for each horizon, ``value_<days>d``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from features.sources import open_sources
from tiering.scheme import load_scheme
from training.evaluation.judged import pool
from training.pipeline import judged_backtest, prepare
from training.recipe import load_recipe


def main(sources: Path, state: Path, recipe_name: str, out: Path) -> None:
    """Backtest with the default scheme and write the arrays."""
    recipe, scheme = load_recipe(recipe_name), load_scheme()
    material = prepare(open_sources(sources), state, recipe)
    rows = pool(judged_backtest(material, recipe, scheme, progress=_tell).parts)
    values = {f"value_{f.horizon_days}d": f.actual for f in rows.forecasts if f.target == "ltv"}
    np.savez_compressed(
        out,
        customer_id=rows.customer_id,
        day=rows.day.astype("datetime64[D]"),
        dimensions=rows.dimensions,
        **values,
    )


def _tell(what: str, done: int, total: int) -> None:
    print(what, done, total, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
