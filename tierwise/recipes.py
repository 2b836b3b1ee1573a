"""``tierwise recipe``: print a recipe with its comments, so that it can be copied and changed."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def recipe(
    name: Annotated[
        str,
        typer.Argument(help="default, journey, cdnow, b2b, or a TOML file, which is checked."),
    ] = "default",
) -> None:
    """Print a training recipe, every field explained: tierwise recipe > mine.toml."""
    from training.recipe import load_recipe

    typer.echo(load_recipe(name).text, nl=False)
