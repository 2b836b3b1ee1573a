"""Commands of the workbench: tune a recipe, compare runs.

Everything heavy is imported inside the commands, so that ``tierwise --help`` is quick.
Expected errors rise to the composition root, which tells them to the person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from features.commands.terminal import bar
from training.commands.options import HOME, Artifacts, Home, RegistryUrl, World

if TYPE_CHECKING:
    from training.comparison import Comparison
    from training.report_page import Language
    from training.tuning.results import Standing, Tuning

app = typer.Typer(
    name="workbench", help="Search recipes and compare their runs.", no_args_is_help=True
)
console = Console()

LanguageOption = Annotated[
    Literal["en", "zh"], typer.Option("--language", help="Language of the report.")
]


@app.command()
def tune(
    world: World,
    home: Home = HOME,
    recipe: Annotated[
        str, typer.Option("--recipe", help="Base recipe, name or TOML file; default: the world's.")
    ] = "",
    scheme: Annotated[str, typer.Option("--scheme", help="Scheme name or TOML file.")] = "default",
    search: Annotated[
        Path | None, typer.Option("--search", help="TOML file of fields, ranges and objective.")
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.0, help="Time budget.")] = 30.0,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials in all.")] = 40,
    held_out: Annotated[
        int, typer.Option("--held-out", min=1, help="Latest origins kept for the end.")
    ] = 2,
    out: Annotated[Path, typer.Option("--out", help="Recipe to write.")] = Path("tuned.toml"),
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Report, .html or .md; by default beside --out."),
    ] = None,
    language: LanguageOption = "en",
) -> None:
    """Search recipe fields by backtest; the last origins are kept for one honest comparison."""
    from features.sources import open_sources
    from tiering.scheme import load_scheme
    from training.recipe import load_recipe, recipe_names
    from training.report_page import write
    from training.tuning import page
    from training.tuning.results import Budget
    from training.tuning.search import tune as run
    from training.tuning.search import tuned_text
    from training.tuning.space import load_search

    base = load_recipe(recipe or (world if world in recipe_names() else "default"))
    space, policy = load_search(search, base), load_scheme(scheme)
    with _following() as (publishing, follow):
        found = run(
            open_sources(home / world / "sources"),
            home / world,
            base,
            policy,
            space,
            Budget(minutes, trials),
            held_out=held_out,
            progress=publishing,
            follow=follow,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(tuned_text(found, out.stem), "utf-8")
    told = report or out.with_suffix(".html")
    write(page.report(found, base, language), told)
    _show_tuning(found)
    console.print(f"Recipe: {out}; report: {told}", soft_wrap=True, highlight=False)


@app.command()
def compare(
    world: World,
    home: Home = HOME,
    versions: Annotated[
        str, typer.Option("--versions", help="Versions, 1,2,3; by default the latest five.")
    ] = "",
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", help="A world's folder or a backtest's JSON; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Report to write, .html or .md.")] = Path(
        "comparison.html"
    ),
    language: LanguageOption = "en",
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Compare runs: figures, recipes, lineage; ranked only where their backtests allow it."""
    from training import comparison, comparison_page
    from training.registry.location import open_registry
    from training.registry.registry import model_name
    from training.report_page import write

    found = [comparison.of_path(path) for path in runs or ()]
    if versions or not runs:
        store = open_registry(home, registry, artifacts)
        found = comparison.of_versions(store, model_name(world), _numbers(versions)) + found
    compared = comparison.compare(found)
    write(comparison_page.report(compared, language), out)
    _show_comparison(compared, language)
    console.print(f"Report: {out}", soft_wrap=True, highlight=False)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of version numbers.") from error


@contextmanager
def _following() -> Iterator[tuple[Callable[[str, int, int], None], Callable[[Standing], None]]]:
    """Give two callbacks: what is published, and where the search stands.

    On a terminal there is one moving bar with the best value so far; elsewhere a line a trial.
    """
    with bar(console, text="{task.description:<44}") as publishing:

        def follow(now: Standing) -> None:
            best = "no trial yet" if now.best != now.best else f"best {now.best:.4f} of base"
            told = f"{best}, {now.seconds_left / 60:.0f} min left"
            publishing(told, now.finished, now.trials)
            if now.last is not None and not console.is_terminal:
                console.print(
                    f"trial {now.last.number}: {now.last.state} {now.last.value:.4f}; {told}",
                    highlight=False,
                )

        yield publishing, follow


def _show_tuning(found: Tuning) -> None:
    from training.evaluation.tables import rich_table

    if found.best is None:
        console.print("No trial was better than the base recipe; it is written unchanged.")
    else:
        rows = [["field", "value"], *([name, str(v)] for name, v in found.best.fields.items())]
        title = f"Trial {found.best.number}: {found.best.value:.4f} of the base, inner origins"
        console.print(rich_table(rows, title))
    rows = [["metric", "base", "tuned", "2.5 %", "97.5 %"]]
    for row in found.rows:
        bounds = ("–" if v != v else f"{v:+.4g}" for v in (row.low, row.high))
        rows.append([row.metric, f"{row.base:.5g}", f"{row.tuned:.5g}", *bounds])
    console.print(rich_table(rows, f"Held-out origins {', '.join(found.held_out)}"))


def _show_comparison(found: Comparison, language: Language) -> None:
    from training.comparison_page import ranking_table
    from training.evaluation.tables import rich_table
    from training.report_page import wording

    say = wording("comparison", language)
    if not found.rankable:
        console.print(say["not_ranked_text"])
        for group, differing in zip(found.groups[1:], found.differing, strict=True):
            names = ", ".join(run.name for run in group.runs)
            console.print(f"{names}: {say['differs']} {', '.join(differing)}.", highlight=False)
    for letter, group in zip("ABCDEFGH", found.groups, strict=False):
        title = say["ranking"].format(letter=letter)
        console.print(rich_table(ranking_table(group, say, narrow=True), title))
