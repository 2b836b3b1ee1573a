"""Commands of training: train, backtest, stress; approve, promote, rollback, versions, gates; kpi,
attribution.

Everything heavy is imported inside the commands, so that ``tierwise --help`` is quick.
Expected errors rise to the composition root, which tells them to the person.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from features.commands.terminal import bar
from training.commands.attribution import attribution
from training.commands.backtest import backtest, show_backtest
from training.commands.certificate import certificate
from training.commands.gates import gates
from training.commands.kpi import kpi
from training.commands.options import HOME, Artifacts, Home, RegistryUrl, World
from training.commands.registry import approve, promote, rollback, versions
from training.commands.verdicts import show_gates

if TYPE_CHECKING:
    from features.sources import Sources
    from training.evaluation.stress import StressReport
    from training.recipe import Recipe

app = typer.Typer(
    name="training", help="Train, judge and release grading models.", no_args_is_help=True
)
console = Console()

RecipeOption = Annotated[
    str, typer.Option("--recipe", help="Recipe name or TOML file; by default the world's own.")
]
SchemeOption = Annotated[str, typer.Option("--scheme", help="Scheme name or TOML file.")]


@app.command()
def train(
    world: World,
    home: Home = HOME,
    recipe: RecipeOption = "",
    scheme: SchemeOption = "default",
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    by: Annotated[str, typer.Option("--by", help="Who trains; kept with the version.")] = "",
) -> None:
    """Train a challenger: backtest, fit, stress test, gates, register."""
    from tiering.scheme import load_scheme
    from training.pipeline import train as run
    from training.registry.location import open_registry

    chosen, policy = _recipe(world, recipe), load_scheme(scheme)
    with bar(console) as progress:
        outcome = run(
            _sources(home, world),
            home / world,
            chosen,
            policy,
            open_registry(home, registry, artifacts),
            by=by,
            progress=progress,
        )
    show_backtest(console, outcome.backtest)
    _show_stress(outcome.stress)
    show_gates(console, outcome.gates)
    console.print(
        f"{outcome.version.model} version {outcome.version.version} is the challenger; "
        f"model card: {outcome.evidence_dir / 'model_card.html'}"
    )


app.command()(backtest)
app.command()(certificate)


@app.command()
def stress(
    world: World,
    home: Home = HOME,
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", help="Scenario name or TOML file; by default the recipe's."),
    ] = None,
) -> None:
    """Put the champion's bundle through stress scenarios on the last day of the data."""
    from features.snapshot import Snapshot
    from training.bundle import Bundle
    from training.evaluation.scenario import load_scenario
    from training.evaluation.stress import run_stress

    sources = _sources(home, world)
    bundle = Bundle.load((home / world / "bundle").resolve())
    names = scenario or list(bundle.recipe.stress.scenarios)
    with bar(console) as progress:
        report = run_stress(
            sources,
            Snapshot.at(sources.info.last_day),
            bundle,
            [load_scenario(name) for name in names],
            progress=progress,
        )
    _show_stress(report)


for command in (approve, promote, rollback, versions, gates, kpi, attribution):
    app.command()(command)


def _sources(home: Path, world: str) -> Sources:
    from features.sources import open_sources

    return open_sources(home / world / "sources")


def _recipe(world: str, chosen: str) -> Recipe:
    from training.recipe import load_recipe, recipe_names

    return load_recipe(chosen or (world if world in recipe_names() else "default"))


def _show_stress(report: StressReport) -> None:
    from training.evaluation.tables import rich_table

    rows = [["scenario", "customers", "keep their tier", "mean change", "PSI", "directions"]]
    for result in report.scenarios:
        if result.skipped:
            rows.append([result.title_en, "–", "skipped", "–", "–", "–"])
            continue
        kept = sum(check.passed for check in result.checks)
        rows.append(
            [
                result.title_en,
                f"{result.customers:,}",
                f"{result.unchanged_share:.1%}",
                f"{result.mean_change:+.2f}",
                f"{result.psi:.3f}",
                f"{kept} of {len(result.checks)}",
            ]
        )
    console.print(rich_table(rows, f"Stress on {report.as_of}"))
    for result in report.scenarios:
        if result.skipped:
            console.print(f"{result.title_en}: skipped, {result.skipped}.")
