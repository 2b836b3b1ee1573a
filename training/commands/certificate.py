"""``tierwise certificate``: did the latest closed day keep what the champion's certificate says?"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.options import HOME, Home, World

if TYPE_CHECKING:
    from features.manifest import Manifest
    from training.bundle import Bundle

console = Console()


def certificate(
    world: World,
    home: Home = HOME,
    bundle: Annotated[
        Path | None, typer.Option(show_default="the champion's", help="Folder of a bundle.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file to write what was seen to.")] = None,
) -> None:
    """Hold the automatic grades of the latest closed day against what came.

    Ends with 1 if there were more mistakes than the promise can explain: train again, and until
    then refer everyone. A rate above the promise that chance explains is a warning.
    """
    from training.bundle import Bundle
    from training.dataset import load_training_set
    from training.evaluation.certification import watched

    state = home / world
    loaded = Bundle.load((bundle or state / "bundle").resolve())
    day = _latest_closed(state / "published", loaded)
    meta = loaded.meta
    data = load_training_set(
        state / "published",
        [day],
        meta.churn_horizon_days,
        meta.ltv_horizon_days,
        loaded.recipe.eligibility,
    )
    seen = watched(loaded, data.where(data.eligible))
    if out is not None:
        out.write_text(json.dumps(asdict(seen), indent=1) + "\n", "utf-8")
    told = "broken" if seen.broken else "above it, as chance may have it" if seen.warned else "kept"
    rate = "none" if seen.risk is None else f"{seen.risk:.1%} ({seen.errors} of {seen.selected})"
    console.print(
        f"{day}: {seen.selected:,} customers decided automatically, wrong {rate}. "
        f"The promise was {told}; chance of so many mistakes or more under it {seen.chance:.3f}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if seen.broken:
        raise typer.Exit(1)


def _latest_closed(folder: Path, bundle: Bundle) -> date:
    """Return the latest published day whose outcomes, of both horizons, are published too.

    It must have closed after the bundle was trained: what was learned from proves nothing.
    """
    from features.manifest import Manifest
    from training.errors import DatasetError

    manifest = Manifest.load(folder)
    horizons = {bundle.meta.churn_horizon_days, bundle.meta.ltv_horizon_days}
    closed = [day for day in _days(manifest) if _has(manifest, day, horizons)]
    if not closed:
        raise DatasetError(
            "No published day has closed outcomes of the bundle's horizons.",
            hint="Publish a past day with its outcomes: tierwise features publish --horizon.",
            horizons=sorted(horizons),
        )
    latest, trained = max(closed), date.fromisoformat(bundle.meta.trained_as_of[:10])
    if latest + timedelta(days=max(horizons)) <= trained:
        raise DatasetError(
            f"No day has closed since the bundle was trained as of {trained}: the latest, "
            f"{latest}, was learned from.",
            hint=f"Come back when {max(horizons)} days have passed and are published.",
        )
    return latest


def _days(manifest: Manifest) -> list[date]:
    return [
        date.fromisoformat(entry.as_of[:10])
        for entry in manifest.entries.values()
        if entry.horizon_days is None
    ]


def _has(manifest: Manifest, day: date, horizons: set[int]) -> bool:
    names = {f"outcomes/{day}-{horizon}d.parquet" for horizon in horizons}
    return names <= manifest.entries.keys()
