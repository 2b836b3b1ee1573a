"""Backtest the models without one part at a time: what does each part earn?

    .venv/bin/python experiments/2026-11-ablation/run.py --home var --world online_retail_II

The world's ingested sources are read from ``--home``; missing snapshots are published there.
A variant is a recipe switch, or a part of the models replaced where they look it up, so that
everything else (folds, embargo, customers) is that of `tierwise backtest`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from features.schema import CATALOGUE, Dimension
from features.sources import open_sources
from tiering.scheme import load_scheme
from training.evaluation.tables import markdown
from training.models import baseline, design
from training.models.threads import single_threaded_algebra
from training.pipeline import prepare
from training.recipe import Recipe, load_recipe, parse_recipe, recipe_names
from training.recipe_text import with_fields
from training.tuning.court import Court, Ground, Judged, loss_interval, with_origins

SHOWN = ("churn.auc", "churn.log_loss", "churn.brier", "churn.ece",
         "ltv.mae", "ltv.rmse", "ltv.normalised_gini", "ltv.spearman")  # fmt: skip
# Read by the baseline, the eligibility and the challenge of jumps: no variant blanks them.
KEPT = {*baseline.INPUTS, "days_since_last_order", "net_amount_jump_365d",
        "largest_order_ratio_730d", "jump_explained_365d"}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One part left out: fields of the recipe, a change of the ground, a patch of the models."""

    name: str
    fields: dict[str, Any]
    ground: Callable[[Ground], Ground] = lambda ground: ground
    patch: Callable[[], Any] | None = None


def main() -> None:
    """Print one table a world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--world", action="append", help="may be repeated")
    parser.add_argument("--origins", type=int, default=0, help="by default the recipe's")
    parser.add_argument("--only", default="", help="variants whose name contains this")
    options = parser.parse_args()
    for world in options.world or ["online_retail_II", "journey", "cdnow"]:
        if not (options.home / world / "sources").exists():
            print(f"{world}: skipped, no ingested sources below {options.home}")
            continue
        ablate(options.home, world, options.origins, options.only)


def ablate(home: Path, world: str, origins: int, only: str) -> None:
    """Print the table of one world, in Markdown."""
    recipe = load_recipe(world if world in recipe_names() else "default")
    count = origins or recipe.backtest.origins
    sources = open_sources(home / world / "sources")
    material = prepare(sources, home / world, with_origins(recipe, count))
    info = sources.info
    ground = Ground(info.first_day, info.last_day, material.data, material.provenance, "")
    days = [origin.day for origin in material.plan.backtest]
    table = [["variant", *SHOWN, "Δ log loss, 95 %", "Δ MAE, 95 %"]]
    whole: Judged | None = None
    with single_threaded_algebra():
        for variant in variants(recipe):
            if only not in variant.name and variant.name != "whole model":
                continue
            print(f"{world}: {variant.name}", file=sys.stderr, flush=True)
            judged = measure(variant, ground, recipe, count, days)
            whole = whole or judged
            table.append([variant.name, *(f"{judged.figure(name):.4g}" for name in SHOWN),
                          *(_interval(name, whole, judged, recipe.seed)
                            for name in ("churn.log_loss", "ltv.mae"))])  # fmt: skip
    simulated = ", simulated" if info.simulated else ""
    n = len(whole.customer_id) if whole else 0
    Console(width=300, soft_wrap=True).print(
        f"\n**{world}**{simulated} ({info.currency}), recipe {recipe.id}, churn "
        f"{recipe.churn.horizon_days} d, LTV {recipe.ltv.horizon_days} d, origins {days[0]} to "
        f"{days[-1]} ({count}), {n:,} customer-origins\n\n{markdown(table)}\n",
        markup=False, highlight=False,
    )  # fmt: skip


def variants(recipe: Recipe) -> list[Variant]:
    """Return the whole model and every variant of it."""
    still = {f"lightgbm.{t}.{k}": v for t in ("churn", "ltv")
             for k, v in (("rounds", 1), ("learning_rate", 1e-9))}  # fmt: skip
    return [
        Variant("whole model", {}),
        Variant("baseline only, no trees", still),
        Variant("purchase model as the only baseline", {"baseline.btyd_weight": 1.0}),
        Variant("run rate as the only baseline", {"baseline.btyd_weight": 0.0}),
        Variant("the purchase model's level alone (LTV)", {"intervals.bias_shrinkage": 0.0}),
        Variant("mean without median (LTV)", {"lightgbm.ltv_median.share": 0.0}),
        Variant("median without mean (LTV)", {"lightgbm.ltv_median.share": 1.0}),
        Variant("large accounts trusted as the rest (LTV)", {"baseline.half_trust": 0.0}),
        Variant("no regression (churn)", {"regression.l2": 1e6}),
        Variant("money as it is, not as ratio to the baseline", {}, patch=no_ratios),
        Variant("without the baseline among the inputs", {}, patch=no_baseline_inputs),
        Variant("no offset: trees from zero", {}, patch=no_offset),
        Variant("one training day instead of many", {"origins.train_origins": 1}),
        *(Variant(f"without {dimension.value} indicators", {}, ground=blank(dimension))
          for dimension in Dimension),
    ]  # fmt: skip


def measure(
    variant: Variant, ground: Ground, recipe: Recipe, count: int, days: list[Any]
) -> Judged:
    """Return a variant's pooled predictions."""
    changed = parse_recipe(with_fields(recipe.text, variant.fields), origin=variant.name)
    court = Court(variant.ground(ground), load_scheme(), count)
    if variant.patch is None:
        return Judged.pool([court.judge(changed, day) for day in days])
    with variant.patch():
        return Judged.pool([court.judge(changed, day) for day in days])


def blank(dimension: Dimension) -> Callable[[Ground], Ground]:
    """Make every indicator of a dimension unknown, those the baseline reads excepted."""

    def changed(ground: Ground) -> Ground:
        values = ground.data.values.copy()
        for index, name in enumerate(ground.data.columns):
            if CATALOGUE[name].dimension == dimension and name not in KEPT:
                values[:, index] = np.nan
        return replace(ground, data=replace(ground.data, values=values))

    return changed


@contextmanager
def replaced(original: Any, other: Any) -> Iterator[None]:
    """Put ``other`` in the place of ``original`` in every module of the models that uses it."""
    found = [
        (module, name)
        for path, module in list(sys.modules.items())
        if path.startswith("training.")
        for name, value in vars(module).items()
        if value is original
    ]
    if not found:
        raise SystemExit(f"nothing uses {original}: the variant has to be written anew")
    for module, name in found:
        setattr(module, name, other)
    try:
        yield
    finally:
        for module, name in found:
            setattr(module, name, original)


@contextmanager
def no_ratios() -> Iterator[None]:
    """Money in units of the mean baseline of all, not of the customer's own."""
    build = design.build

    def plain(columns: Any, values: Any, start: Any, **named: Any) -> design.Design:
        made = build(columns, values, start, **named)
        matrix = made.matrix.copy()
        for index, name in enumerate(made.names):
            if name.endswith("_to_baseline"):
                matrix[:, index] *= start.value / named.get("scale", 1.0)
        return replace(made, matrix=matrix)

    with replaced(build, plain):
        yield


@contextmanager
def no_baseline_inputs() -> Iterator[None]:
    """The baseline remains the offset, but the trees cannot see it."""
    build = design.build

    def blind(columns: Any, values: Any, start: Any, **named: Any) -> design.Design:
        made = build(columns, values, start, **named)
        matrix = made.matrix.copy()
        matrix[:, [s == design.BASELINE for s in made.source_indicator]] = np.nan
        return replace(made, matrix=matrix)

    with replaced(build, blind):
        yield


@contextmanager
def no_offset() -> Iterator[None]:
    """A baseline that is the same for everybody: the trees have to find all of it.

    What the trees see of the customer's own baseline stays as it is.
    """
    value_of, build = baseline.baseline, design.build
    own: dict[int, Any] = {}

    def flat(*args: Any, **named: Any) -> Any:
        made = value_of(*args, **named)
        same = replace(
            made,
            value=np.full_like(made.value, level.setdefault("value", float(made.value.mean()))),
            churn_log_odds=np.zeros_like(made.churn_log_odds),
        )
        own[id(same)] = (same, made)
        return same

    def seeing(columns: Any, values: Any, start: Any, **named: Any) -> design.Design:
        return build(columns, values, own.pop(id(start))[1], **named)

    level: dict[str, float] = {}
    with replaced(value_of, flat), replaced(build, seeing):
        yield


def _interval(name: str, whole: Judged, judged: Judged, seed: int) -> str:
    if judged is whole:
        return "–"
    mean, low, high = loss_interval(name, whole, judged, seed=seed)
    return f"{mean:+.3g} ({low:+.3g} to {high:+.3g})"


if __name__ == "__main__":
    main()
