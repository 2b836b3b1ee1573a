"""Commands of training: train, backtest, stress, promote, rollback, versions.

Everything heavy is imported inside the commands, so that ``tierwise --help`` is quick.
Expected errors rise to the composition root, which tells them to the person.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.backtest_cli import backtest, show_backtest

if TYPE_CHECKING:
    from features.sources import Sources
    from training.evaluation.gates import GateReport
    from training.evaluation.stress import StressReport
    from training.recipe import Recipe
    from training.registry.ledger import LedgerEntry
    from training.registry.registry import Registry

app = typer.Typer(
    name="training", help="Train, judge and release grading models.", no_args_is_help=True
)
console = Console()

World = Annotated[str, typer.Argument(help="Name of the world: its folder below --home.")]
Home = Annotated[
    Path, typer.Option("--home", envvar="TIERWISE_HOME", help="Folder that holds all state.")
]
RecipeOption = Annotated[
    str, typer.Option("--recipe", help="Recipe name or TOML file; by default the world's own.")
]
SchemeOption = Annotated[str, typer.Option("--scheme", help="Scheme name or TOML file.")]
By = Annotated[str, typer.Option("--by", help="Who asks; kept in the promotion ledger.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the promotion ledger.")]

_HOME = Path("var")


@app.command()
def train(
    world: World, home: Home = _HOME, recipe: RecipeOption = "", scheme: SchemeOption = "default"
) -> None:
    """Train a challenger: backtest, fit, stress test, gates, register."""
    from tiering.scheme import load_scheme
    from training.pipeline import train as run

    chosen, policy = _recipe(world, recipe), load_scheme(scheme)
    with _progress() as progress:
        outcome = run(
            _sources(home, world), home / world, chosen, policy, _registry(home), progress=progress
        )
    show_backtest(console, outcome.backtest)
    _show_stress(outcome.stress)
    _show_gates(outcome.gates)
    console.print(
        f"{outcome.version.model} version {outcome.version.version} is the challenger; "
        f"model card: {outcome.evidence_dir / 'model_card.html'}"
    )


app.command()(backtest)


@app.command()
def stress(
    world: World,
    home: Home = _HOME,
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
    with _progress() as progress:
        report = run_stress(
            sources,
            Snapshot.at(sources.info.last_day),
            bundle,
            [load_scenario(name) for name in names],
            progress=progress,
        )
    _show_stress(report)


@app.command()
def promote(
    world: World,
    version: Annotated[
        int | None, typer.Option("--version", help="Version; by default the challenger.")
    ] = None,
    home: Home = _HOME,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Make a version the champion, if every gate passes, and pull its bundle."""
    from training.registry.promotion import promote as run
    from training.registry.registry import CHAMPION, model_name

    registry, model = _registry(home), model_name(world)
    champion, gates = run(registry, model, version, by=by or getpass.getuser(), reason=reason)
    _show_gates(gates)
    registry.pull(model, CHAMPION, home / world / "bundle")
    console.print(f"{model} version {champion.version} is the champion.")


@app.command()
def rollback(world: World, home: Home = _HOME, by: By = "", reason: Reason = "") -> None:
    """Make the previous champion the champion again, and pull its bundle."""
    from training.registry.registry import CHAMPION, model_name

    registry, model = _registry(home), model_name(world)
    champion = registry.rollback(model, by=by or getpass.getuser(), reason=reason)
    registry.pull(model, CHAMPION, home / world / "bundle")
    console.print(f"{model} version {champion.version} is the champion again.")


@app.command()
def versions(world: World, home: Home = _HOME) -> None:
    """List the versions of a world's model, and the promotions, refusals and rollbacks."""
    from training.evaluation.tables import rich_table
    from training.registry.registry import model_name

    registry, model = _registry(home), model_name(world)
    shown = {
        "AUC": "backtest.churn.auc",
        "Brier": "backtest.churn.brier",
        "MAE": "backtest.ltv.mae",
    }
    rows = [
        [
            str(each.version),
            ", ".join(each.aliases),
            f"{each.created_at:%Y-%m-%d %H:%M}",
            each.tags.get("gates", ""),
            *(
                f"{each.metrics[name]:.4g}" if name in each.metrics else "–"
                for name in shown.values()
            ),
        ]
        for each in registry.versions(model)
    ]
    header = ["no.", "alias", "registered", "gates", *shown]
    console.print(rich_table([header, *rows], f"{model}: churn AUC and Brier, LTV MAE"))
    history = [
        [entry.at[:19], entry.action, str(entry.version), entry.by, _why(entry)]
        for entry in registry.ledger.entries(model)
    ]
    if history:
        console.print(
            rich_table([["at (UTC)", "action", "no.", "by", "reason"], *history], "Decisions")
        )


def _why(entry: LedgerEntry) -> str:
    told = [entry.reason] if entry.reason else []
    if entry.failed:
        told.append("failed gates: " + "; ".join(entry.failed))
    return ". ".join(told)


def _sources(home: Path, world: str) -> Sources:
    from features.sources import open_sources

    return open_sources(home / world / "sources")


def _registry(home: Path) -> Registry:
    from training.registry.registry import Registry

    return Registry(f"sqlite:///{(home / 'mlflow.db').resolve()}", home / "mlartifacts")


def _recipe(world: str, chosen: str) -> Recipe:
    from training.recipe import load_recipe, recipe_names

    return load_recipe(chosen or (world if world in recipe_names() else "default"))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield tell


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


def _show_gates(report: GateReport) -> None:
    from training.evaluation.tables import rich_table

    rows = [["gate", "value", "limit", "verdict"]]
    rows += [
        [
            check.name,
            f"{check.value:.4g}",
            f"{check.relation} {check.limit:.4g}",
            "passed" if check.passed else "FAILED",
        ]
        for check in report.checks
    ]
    console.print(rich_table(rows, "Gates"))
    for note in report.notes:
        console.print(note)
    for check in report.failed:
        console.print(f"{check.name}: {check.message}")
