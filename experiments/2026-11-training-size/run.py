"""Train a whole bundle on simulated frames of a large portfolio; print seconds and peak memory.

    .venv/bin/python experiments/2026-11-training-size/run.py --customers 250000

**Simulated**: the columns have the catalogue's names and units and obey no company's law; only
size and shape matter here. Nothing is read or written. The run ends itself when its resident
memory passes ``--limit-gb``.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from features.schema import CATALOGUE, FloatArray
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import TrainingSet, eligible
from training.fitting import Provenance, fit_bundle
from training.models.threads import single_threaded_algebra
from training.recipe import Recipe, load_recipe, parse_recipe
from training.splits import OriginPlan, plan_origins

GIB = 1024.0**3
LAST = date(2026, 9, 30)
# What the baseline, the eligibility, the challenge of jumps and the companions read; kept whatever
# --features is.
NEEDED = (
    "repeat_count",
    "last_order_age_days",
    "tenure_days",
    "repeat_order_value_mean",
    "net_amount_365d",
    "days_since_last_order",
    "net_amount_jump_365d",
    "largest_order_ratio_730d",
    "jump_explained_365d",
    "contribution_365d",
    "contract_days_to_end",
    "contract_ended_count_730d",
    "contract_renewal_rate_730d",
)


def main() -> None:
    """Parse the options, run once, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=250_000)
    parser.add_argument("--origins", type=int, default=12, help="days with a closed label")
    parser.add_argument("--features", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--limit-gb", type=float, default=10.0)
    options = parser.parse_args()

    recipe, plan = planned(options.recipe, options.origins, options.threads)
    names = columns(options.features)
    stop_above(options.limit_gb)
    with timed("make the frames (not part of training)"):
        data = simulated(plan, names, options.customers, recipe)
    print(
        f"{len(data):,} rows of {options.customers:,} customers, {len(plan.final.churn.train_days)}"
        f" closed days, {len(names)} features: {data.values.nbytes / GIB:.2f} GiB; "
        f"{data.eligible.mean():.0%} eligible"
    )
    before = peak_gib()
    with timed("fit_bundle, all models"), single_threaded_algebra():
        bundle = fit_bundle(
            data,
            plan.final,
            recipe,
            load_scheme(),
            # XXX is ISO 4217 for no currency.
            Provenance("simulated", "XXX", True, "0" * 64, "training-size"),
        )
    print(f"peak memory {peak_gib():.2f} GiB, {peak_gib() - before:.2f} above the frames")
    print(f"absent: {', '.join(bundle.companions.absent) or 'nothing'}; digest {digest(bundle)}")
    with timed(f"score {options.customers:,} customers"):
        bundle.score(data.on(plan.serve_day).values)


def digest(bundle: Bundle) -> str:
    """Return the digest of a bundle's models, without the time they were made."""
    meta = replace(bundle.meta, created_at="")
    return replace(bundle, meta=meta).digest[:16]


def planned(name: str, origins: int, threads: int) -> tuple[Recipe, OriginPlan]:
    """Return the recipe and a plan whose final day learns from exactly so many days."""
    text = load_recipe(name).text
    # Everybody is eligible, so that every row is learned from.
    for field, value in (("threads", threads), ("active_within_days", 36_500)):
        text = re.sub(rf"^{field} = .*", f"{field} = {value}", text, flags=re.M)
    recipe = parse_recipe(text, origin=name)
    horizon, step = recipe.ltv.horizon_days, recipe.origins.step_days
    longest = max(horizon, recipe.churn.horizon_days)
    # Too short a history for the recipe's backtest is of no concern: only the final day is used.
    span = recipe.origins.min_history_days + longest + (origins - 1) * step
    one = recipe.model_copy(
        update={"origins": recipe.origins.model_copy(update={"train_origins": origins})}
    )
    needed = longest * 3 + (recipe.backtest.origins - 1) * recipe.backtest.step_days
    first = LAST - timedelta(days=max(span, recipe.origins.min_history_days + needed + step))
    return one, plan_origins(first, LAST, one)


def columns(features: int) -> tuple[str, ...]:
    """Return the first so many model inputs of the catalogue, with those that are needed."""
    names = [name for name in CATALOGUE if CATALOGUE[name].model_input or name in NEEDED]
    kept = [*(n for n in names if n in NEEDED), *(n for n in names if n not in NEEDED)][:features]
    return tuple(name for name in names if name in kept)


def simulated(
    plan: OriginPlan, names: tuple[str, ...], customers: int, recipe: Recipe
) -> TrainingSet:
    """Return the frames of the final day's origins, filled in place, one day after the other."""
    folds = (plan.final.churn, plan.final.ltv, *plan.final.more)
    days = sorted({plan.final.day, *(day for fold in folds for day in fold.train_days)})
    rng = np.random.default_rng(recipe.seed)
    n = customers
    values = np.empty((len(days) * n, len(names)))
    # Outcomes by horizon, of churn and of net value; NaN while the horizon is open.
    horizons = sorted({fold.horizon_days for fold in folds})
    churned, net_value = (
        {days_ahead: np.full(len(values), np.nan) for days_ahead in horizons} for _ in range(2)
    )
    rate, worth = rng.gamma(1.0, 1 / 40, n) + 1e-4, rng.lognormal(4.0, 1.0, n)
    gone_after = rng.exponential(400.0, n)
    joined = rng.uniform(30.0, 700.0, n)
    for number, day in enumerate(days):
        rows = slice(number * n, (number + 1) * n)
        tenure = joined + (day - days[0]).days
        active = np.minimum(tenure, gone_after)
        repeats = rng.poisson(rate * active).astype(float)
        last = np.where(repeats > 0, active * rng.beta(np.maximum(repeats, 1), 1.0), 0.0)
        known: dict[str, FloatArray] = {
            "repeat_count": repeats,
            "tenure_days": tenure,
            "last_order_age_days": last,
            "days_since_last_order": tenure - last,
            "repeat_order_value_mean": np.where(repeats > 0, worth, np.nan),
            "net_amount_365d": (repeats + 1) * worth * np.minimum(1.0, 365.0 / tenure),
            "net_amount_jump_365d": rng.lognormal(0.0, 0.6, n),
            "largest_order_ratio_730d": rng.lognormal(0.5, 0.4, n),
            "jump_explained_365d": np.zeros(n),
        }
        for index, name in enumerate(names):
            values[rows, index] = known[name] if name in known else _column(name, rng, worth)
        for ahead in horizons:
            if day + timedelta(days=ahead) <= plan.serve_day:
                later = rng.poisson(np.where(gone_after > tenure, rate * ahead, 0.0))
                churned[ahead][rows] = later == 0
                net_value[ahead][rows] = later * worth * rng.lognormal(0.0, 0.3, n)
    return TrainingSet(
        columns=names,
        values=values,
        customer_id=np.tile(np.char.mod("c%07d", np.arange(n)), len(days)),
        as_of=np.repeat(np.array(days, dtype="datetime64[D]"), n),
        churned=churned[recipe.churn.horizon_days],
        net_value=net_value[recipe.ltv.horizon_days],
        eligible=eligible(values, names, recipe.eligibility),
        more_churned=churned,
        more_net_value=net_value,
    )


def _column(name: str, rng: np.random.Generator, worth: FloatArray) -> FloatArray:
    """Return noise of the column's unit; a tenth unknown, as in real frames."""
    n = len(worth)
    unit = CATALOGUE[name].unit
    made = {
        "money": lambda: worth * rng.gamma(2.0, 1.0, n),
        "count": lambda: rng.poisson(3.0, n).astype(float),
        "days": lambda: rng.integers(0, 400, n).astype(float),
        "change": lambda: rng.uniform(-1.0, 1.0, n),
        "ratio": lambda: rng.lognormal(0.0, 0.5, n),
        "score": lambda: rng.uniform(0.0, 100.0, n),
    }.get(unit, lambda: rng.beta(2.0, 2.0, n))()
    made[rng.random(n) < 0.1] = np.nan
    return made


def peak_gib() -> float:
    """Return the largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long a block took, how busy the processor was, and the peak after it."""
    begun, worked = time.perf_counter(), time.process_time()
    yield
    wall, busy = time.perf_counter() - begun, time.process_time() - worked
    print(f"{what}: {wall:.1f} s ({busy:.1f} s CPU), peak {peak_gib():.2f} GiB", flush=True)


def stop_above(limit_gib: float) -> None:
    """End the process when it holds more memory than it may."""

    def watch() -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held = pages * os.sysconf("SC_PAGE_SIZE") / GIB
            if held > limit_gib:
                print(f"stopped: {held:.1f} GiB resident, more than {limit_gib} GiB", flush=True)
                os._exit(3)
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
