"""``tierwise demo``: the whole road on a real order log, then serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False)

HOME = Path("var")


@app.command()
def demo(
    world: Annotated[
        str, typer.Option(help="journey and cdnow are real logs, b2b is simulated.")
    ] = "journey",
    data: Annotated[
        Path | None, typer.Option(help="Folder of your own CSV or Parquet files.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that maps them to the source contract.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Recipe name or TOML file; by default the world's own.")
    ] = "",
    scheme: Annotated[str, typer.Option(help="Scheme name or TOML file.")] = "default",
    home: Annotated[
        Path, typer.Option(envvar="TIERWISE_HOME", help="Folder that holds all state.")
    ] = HOME,
    registry: Annotated[
        str,
        typer.Option(
            envvar="TIERWISE_REGISTRY", help="MLflow store or server; by default below --home."
        ),
    ] = "",
    artifacts: Annotated[
        Path | None,
        typer.Option(
            envvar="TIERWISE_ARTIFACTS", help="Folder of ledger and artifacts; as --registry."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Train even if nothing has changed.")
    ] = False,
    serve: Annotated[bool, typer.Option(help="Serve API and pages at the end.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8000,
) -> None:
    """Take an order log in, learn, judge, promote, grade every customer, and serve."""
    if (data is None) != (mapping is None):
        raise typer.BadParameter("Give --data together with --mapping.")
    # The training stack takes seconds to import: not before the options are known to be good.
    from tiering.scheme import load_scheme
    from tierwise import road, summary
    from tierwise.display import following
    from tierwise.workspace import Workspace
    from training.recipe import load_recipe, recipe_names

    console = Console()
    own = road.OwnData(data, mapping) if data and mapping else None
    name = road.world_of(own) if own else world
    chosen = load_recipe(recipe or (name if own is None and name in recipe_names() else "default"))
    policy = load_scheme(scheme)
    workspace = Workspace(home, name, registry, artifacts)
    with following(console) as progress:
        origin = road.take_in(workspace, own, progress)
        console.print(origin.text, highlight=False, markup=False)
        journey = road.travel(workspace, chosen, policy, progress=progress, again=again)
    summary.show(console, journey, workspace)
    if serve:
        from serving.cli import serve as run_service

        run_service(world=name, home=home, port=port)
