"""``tierwise shadow``: a model that grades beside the champion, stored and never served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.errors import NotReadyError
from serving.options import DatabaseUrl, read_settings
from training.commands.options import HOME, Artifacts, Home, RegistryUrl, World

app = typer.Typer(
    name="shadow",
    help="Let a model grade beside the champion, and compare.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()


@app.command()
def start(
    world: World,
    version: Annotated[
        int | None,
        typer.Option("--version", show_default="the challenger", help="Number of the version."),
    ] = None,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Bring a version; every batch from now on is graded by it, too."""
    from training.registry.location import open_registry
    from training.registry.registry import CHALLENGER, model_name

    store, model = open_registry(home, registry, artifacts), model_name(world)
    folder = read_settings(home=home, world=world).shadow
    bundle = store.pull(model, CHALLENGER if version is None else version, folder)
    _say(f"Version {bundle.meta.version} of {model} grades beside the champion.")


@app.command()
def stop(world: World, home: Home = HOME) -> None:
    """Let the champion grade alone again; what the shadow said stays in the store."""
    folder = read_settings(home=home, world=world).shadow
    if not folder.exists():
        _say("There is no shadow.")
        return
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)
    for generation in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(generation)
    _say("The champion grades alone.")


@app.command()
def report(
    world: World,
    home: Home = HOME,
    database: DatabaseUrl = None,
    out: Annotated[
        Path | None, typer.Option(show_default="the world's", help="Folder of the report.")
    ] = None,
) -> None:
    """Write how the shadow compares: shadow.md, shadow.json and shadow.svg."""
    from serving.shadow.report import page, picture
    from serving.store.grades import Grades
    from serving.store.session import Database
    from serving.store.shadows import Shadows

    settings = read_settings(home=home, world=world, database_url=database)
    store = Database(settings.database)
    try:
        with store.read() as session:
            found = Shadows(session).last()
            run = None if found is None else Grades(session).run(found[0])
    finally:
        store.dispose()
    if found is None or run is None:
        raise NotReadyError(
            "No shadow has graded yet.",
            hint="Run `tierwise shadow start`, then `tierwise batch`.",
        )
    shadow = found[1]
    folder = out or settings.state / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"run_id": run.run_id, **shadow.comparison}, indent=2)
    (folder / "shadow.json").write_text(f"{text}\n", "utf-8")
    (folder / "shadow.svg").write_text(picture(shadow), "utf-8")
    (folder / "shadow.md").write_text(page(run, shadow, "shadow.svg"), "utf-8")
    whole = shadow.comparison["slices"][0]
    _say(f"{whole['moved']:.1%} would have another tier. Written to {folder / 'shadow.md'}")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
