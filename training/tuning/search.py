"""From a base recipe to a tuned one.

Trials are judged on inner origins only. The last origins are held out: nothing of them is
looked at while searching, the inner outcomes close before the first of them, and base and tuned
recipe are compared there once, at the end. The objective of an origin is the weighted mean of
ratios to the base recipe's figures, so the base itself scores 1.

The study lives in a SQLite file in the world's folder: a killed run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from training.models.threads import single_threaded_algebra
from training.pipeline import Progress, prepare
from training.recipe import Recipe
from training.recipe_text import with_fields
from training.tuning.court import Court, Ground, compare, split_origins, with_origins
from training.tuning.results import Budget, Tuning
from training.tuning.space import SearchSpace
from training.tuning.study import Follow, Search, Task, changed

if TYPE_CHECKING:
    from features.sources import Sources
    from tiering.policy import Scheme

FILE = "tuning.db"
"""The studies of a world, in its folder."""


def tune(
    sources: Sources,
    state_dir: Path,
    recipe: Recipe,
    scheme: Scheme,
    space: SearchSpace,
    budget: Budget,
    *,
    held_out: int = 2,
    progress: Progress | None = None,
    follow: Follow | None = None,
) -> Tuning:
    """Search ``space`` from a base recipe, and compare the outcome on held-out origins.

    Parameters
    ----------
    held_out
        Origins kept for the end, the latest.
    progress
        Told about publishing; ``follow`` about each trial.

    Raises
    ------
    HistoryError
        If the data hold too few origins to search on and to hold out.
    TrainingError
        If Optuna is not installed.
    """
    info = sources.info
    widest, count = plan(info.first_day, info.last_day, recipe, space, held_out)
    material = prepare(sources, state_dir, with_origins(widest, count), progress=progress)
    made_of = [dict(material.manifest.sources), material.manifest.catalogue_hash]
    ground = Ground(
        info.first_day, info.last_day, material.data, material.provenance, _hash(made_of)
    )
    return tune_on(
        ground, state_dir, recipe, scheme, space, budget, held_out=held_out, follow=follow
    )


def plan(
    first_day: date, last_day: date, recipe: Recipe, space: SearchSpace, held_out: int
) -> tuple[Recipe, int]:
    """Return the recipe that needs most snapshot days, and its number of backtest origins.

    Raises
    ------
    HistoryError
        If the data hold too few origins.
    """
    widest = _widest(recipe, space)
    return widest, split_origins(first_day, last_day, widest, held_out)[2]


def tune_on(
    ground: Ground,
    state_dir: Path,
    recipe: Recipe,
    scheme: Scheme,
    space: SearchSpace,
    budget: Budget,
    *,
    held_out: int = 2,
    follow: Follow | None = None,
) -> Tuning:
    """Search on snapshots that are published and read; see :func:`tune`."""
    inner, kept, count = split_origins(
        ground.first_day, ground.last_day, _widest(recipe, space), held_out
    )
    court = Court(ground, scheme, count)
    key = _study_key(ground, recipe, space, scheme, inner)
    search = Search(state_dir / FILE, key, Task(recipe, space, court, inner))
    with single_threaded_algebra():
        search.run(budget, follow)
        best = search.best()
        if best is not None and not best.value < 1.0:
            best = None
        tuned = recipe if best is None else changed(recipe, best.fields)
        rows = compare(court, recipe, tuned, kept)
    return Tuning(
        text=tuned.text,
        best=best,
        trials=search.trials(),
        inner=tuple(map(str, inner)),
        held_out=tuple(map(str, kept)),
        rows=rows,
        looks=search.looked(),
        facts={
            "world": ground.provenance.world,
            "simulated": str(ground.provenance.simulated).lower(),
            "recipe": recipe.id,
            "recipe_sha256": recipe.sha256,
            "search_sha256": space.sha256,
            "scheme_sha256": scheme.sha256,
            "data_sha256": ground.fingerprint,
            "code_version": ground.provenance.code_version,
            "study": key,
        },
    )


def tuned_text(found: Tuning, name: str) -> str:
    """Return the tuned recipe under a name of its own, with where it comes from on top."""
    told = (
        f"# Tuned from {found.facts['recipe']!r} ({found.facts['recipe_sha256'][:12]}) in "
        f"{len(found.trials)} trials on origins {found.inner[0]} to {found.inner[-1]};\n"
        f"# study {found.facts['study']}. Compared with its base on held-out origins "
        f"{found.held_out[0]} to {found.held_out[-1]} only once the search had ended.\n"
    )
    return told + with_fields(found.text, {"id": name})


def _widest(recipe: Recipe, space: SearchSpace) -> Recipe:
    """Return the recipe that needs every snapshot day any trial may need."""
    field = space.search.get("origins.train_origins")
    if field is None:
        return recipe
    most = max(map(int, field.choices or (field.high or 0,)))
    most = max(most, recipe.origins.train_origins)
    return changed(recipe, {"origins.train_origins": most})


def _study_key(
    ground: Ground,
    recipe: Recipe,
    space: SearchSpace,
    scheme: Scheme,
    inner: tuple[date, ...],
) -> str:
    """Return a name that only trials which may be compared share."""
    parts = (
        ground.fingerprint,
        ground.provenance.code_version,
        recipe.sha256,
        space.sha256,
        scheme.sha256,
        [str(day) for day in inner],
    )
    return f"{ground.provenance.world}-{recipe.id}-{_hash(parts)[:12]}"


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
