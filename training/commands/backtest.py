"""``tierwise backtest``: all models beside all baselines, of a world or of any order log.

Everything heavy is imported inside the command, so that ``tierwise --help`` is quick.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from features.commands.terminal import DataFolders, MappingFiles, bar
from training.commands.options import HOME, Home

if TYPE_CHECKING:
    from features.sources import Sources
    from tiering.policy import Scheme
    from training.evaluation.report import BacktestReport
    from training.recipe import Recipe

Progress = Callable[[str, int, int], None]

console = Console()


def backtest(
    world: Annotated[
        str | None,
        typer.Argument(help="Name of a world: its folder below --home. Or give --mapping."),
    ] = None,
    home: Home = HOME,
    recipe: Annotated[
        str,
        typer.Option("--recipe", help="Recipe name or TOML file; by default the world's own."),
    ] = "",
    scheme: Annotated[str, typer.Option("--scheme", help="Scheme name or TOML file.")] = "default",
    mapping: MappingFiles = None,
    data: DataFolders = None,
    out: Annotated[
        Path | None,
        typer.Option(help="JSON file to write the report to (docs/backtest-report.md)."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Parquet file to write every customer's predictions and outcome to."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="With --mapping: folder that keeps sources and snapshots, so that the next run "
            "publishes less; by default a temporary one, removed at the end."
        ),
    ] = None,
) -> None:
    """Run the rolling-origin backtest only; nothing is registered."""
    from features.sources import open_sources
    from tiering.scheme import load_scheme
    from training.recipe import load_recipe

    mappings, folders = mapping or [], data or []
    if (world is None) == (not mappings) or ((folders or keep) and not mappings):
        raise typer.BadParameter(
            "Give either a WORLD, or --mapping, mostly with --data; --keep goes with --mapping."
        )
    policy = load_scheme(scheme)
    chosen = load_recipe(recipe) if recipe else None  # before anything slow
    if world is not None:
        sources = open_sources(home / world / "sources")
        _run(sources, home / world, chosen, policy, out, predictions)
        return
    with _state(keep) as folder:
        sources = _take_in(mappings, folders, folder / "sources")
        _run(sources, folder, chosen, policy, out, predictions)


def show_backtest(screen: Console, report: BacktestReport) -> None:
    """Print a report's tables."""
    from training.evaluation import tables

    origins = f"{len(report.origins)} origins pooled"
    for target, title in (("churn", "Churn within"), ("ltv", "Net value within")):
        for days in report.horizons(target):
            rows = tables.metric_table(report, target, horizon_days=days)
            screen.print(tables.rich_table(rows, f"{title} {days} days, {origins}"))
    for target, title in (("churn", "Churn"), ("ltv", "Net value")):
        rows = tables.difference_table(report, target)
        screen.print(tables.rich_table(rows, f"{title}: difference to each baseline"))
    screen.print("* better, x worse: the whole 95 % interval is on that side.", highlight=False)
    screen.print(tables.rich_table(tables.tier_table(report), "Tiers against hindsight"))
    by_value = tables.tier_table(report, by_value=True)
    screen.print(tables.rich_table(by_value, "Tiers against those by realised value alone"))
    quality = tables.tier_quality_table(report, report.tier_ids)
    screen.print(tables.rich_table(quality, f"Precision and recall of tiers, {origins}"))
    told = report.stability.get("reversal_rate")
    if told is not None:
        screen.print(
            f"Tiers that changed between origins: {report.stability['change_rate']:.1%}; "
            f"that changed and changed back: {told:.1%}.",
            highlight=False,
        )
    screen.print(tables.rich_table(tables.slice_table(report), "Parts of the customers"))
    for part in report.history.get("undervalued", ()):
        screen.print(
            f"Undervalued: {part['by']} {part['part']}, {part['bias_beside_all']:+.1%} beside all.",
            highlight=False,
        )
    screen.print(tables.rich_table(tables.indicator_table(report), "Misjudgment by indicator"))
    screen.print(tables.rich_table(tables.weight_table(report), "Weights of the dimensions"))


def _run(
    sources: Sources,
    folder: Path,
    recipe: Recipe | None,
    scheme: Scheme,
    out: Path | None,
    predictions: Path | None,
) -> None:
    from training import pipeline
    from training.evaluation.predictions import write_predictions
    from training.recipe import load_recipe, recipe_names

    world = sources.info.world
    chosen = recipe or load_recipe(world if world in recipe_names() else "default")
    with bar(console) as progress:
        material = pipeline.prepare(sources, folder, chosen, progress=progress)
        found = pipeline.judged_backtest(material, chosen, scheme, progress=progress)
    if out is not None:
        _write(found.report, out)
    if predictions is not None:
        write_predictions(found.parts, found.report.tier_ids, predictions)
    show_backtest(console, found.report)
    for path, what in ((out, "report"), (predictions, "predictions")):
        if path is not None:
            console.print(f"{what}: {path}", highlight=False, soft_wrap=True)


def _take_in(mappings: Sequence[Path], folders: Sequence[Path], out: Path) -> Sources:
    from features.backends import connect
    from features.commands.ingest import own_data
    from features.sources import open_sources

    connection = connect()
    with bar(console) as progress:
        report = own_data(mappings, folders, out, connection, progress)
    console.print(report.to_text(), highlight=False, markup=False, soft_wrap=True)
    return open_sources(out, connection)


@contextmanager
def _state(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="tierwise-backtest-") as folder:
        yield Path(folder)


def _write(report: BacktestReport, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    staging = path.with_name(f".{path.name}.part")
    try:
        staging.write_text(text + "\n", "utf-8")
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
