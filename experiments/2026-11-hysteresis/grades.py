"""Grade each world on many days, out of time, and keep what came of it.

    .venv/bin/python experiments/2026-11-hysteresis/grades.py --home var --out var/hysteresis

At every day everything is fitted anew on labels that had closed by then, as in the backtest
(``training/splits.py``). Rows: day, customer, raw tier, score, the tier deserved in hindsight
and the one by realised net value alone (-1 while open), and the signs of a rising star. Days
lie 30 apart; on Complete Journey, which covers one year, 10.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

import numpy as np

from features.publish import publish
from features.sources import open_sources
from tiering.assign import decide
from tiering.rising import packaged_rising, screen
from tiering.scheme import load_scheme
from tiering.scores import Reference
from training.dataset import load_training_set
from training.evaluation.migration import ABSENT
from training.evaluation.tier_evidence import value_tiers
from training.fitting import Provenance, fit_bundle
from training.models.threads import single_threaded_algebra
from training.recipe import Recipe, load_recipe
from training.splits import origin_on

WORLDS = {"b2b": "b2b", "online_retail_II": "default", "journey": "journey"}


def main() -> None:
    """Parse the options and grade the worlds one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"), help="holds ingested worlds")
    parser.add_argument("--out", type=Path, required=True, help="scratch folder")
    parser.add_argument("worlds", nargs="*", default=list(WORLDS))
    options = parser.parse_args()
    for world in options.worlds:
        grade(world, options.home, options.out)


def only_what_grades(name: str) -> Recipe:
    """Return a recipe without the horizons that grades do not use."""
    recipe = load_recipe(name)
    churn = recipe.churn.model_copy(update={"more_horizons_days": ()})
    return recipe.model_copy(update={"churn": churn, "demand": None})


def grade(world: str, home: Path, out: Path) -> None:
    """Publish, fit, grade and judge; write ``<out>/<world>.npz``."""
    recipe, scheme = only_what_grades(WORLDS[world]), load_scheme("default")
    sources = open_sources(home / world / "sources")
    info, step = sources.info, recipe.origins.step_days
    first = info.first_day + timedelta(days=recipe.origins.min_history_days)
    count = (info.last_day - first).days // step + 1
    days = [info.last_day - timedelta(days=step * k) for k in reversed(range(count))]
    horizons = sorted({horizon for _, horizon in recipe.horizons})
    published = out / "state" / world / "published"
    publish(sources, published, days, horizons)
    data = load_training_set(
        published, days, recipe.churn.horizon_days, recipe.ltv.horizon_days, recipe.eligibility
    )
    provenance = Provenance(world, info.currency, info.simulated, "0" * 64, "experiment")
    tiers, rising, parts = len(scheme.tiers), packaged_rising(), []
    with single_threaded_algebra():
        for day in days:
            origin = origin_on(days, day, recipe)
            if origin is None:
                continue
            bundle = fit_bundle(data, origin, recipe, scheme, provenance)
            rows = data.on(day)
            rows = rows.where(rows.eligible)
            scores, given = bundle.decide(rows.values)
            tier = given.tier.astype(np.int64)
            hindsight = by_value = np.full(len(rows), ABSENT)
            if day + timedelta(days=max(horizons)) <= info.last_day:
                came = {"ltv": rows.net_value, "churn_probability": rows.churned}
                known = {**bundle.indicator_values(rows.values, scores), **came}
                ranks = Reference({**bundle.reference.knots, **Reference.fit(came).knots})
                hindsight = decide(scheme, ranks, known).tier.astype(np.int64)
                by_value = value_tiers(rows.net_value, tier, tiers)
            values = {name: rows.column(name) for name in rows.columns}
            parts.append(
                {
                    "day": rows.as_of,
                    "customer": rows.customer_id,
                    "tier": tier,
                    "score": given.composite.score,
                    "hindsight": hindsight,
                    "value_tier": by_value,
                    "signs": screen(rising, tier, tiers, values).signs,
                    "amount": rows.column("net_amount_365d"),
                }
            )
            print(f"{world} {day}: {len(rows)} customers", flush=True)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    cuts = np.array([tier.cut for tier in scheme.tiers])
    np.savez(out / f"{world}.npz", cuts=cuts, simulated=info.simulated, **joined)


if __name__ == "__main__":
    main()
