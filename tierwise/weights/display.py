"""Options that the commands of weights share, and how they speak to a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from tiering.weights.rules import Rules

console = Console()

RulesFile = Annotated[
    Path | None,
    typer.Option("--rules", help="TOML file of rules; by default tiering/weights/rules.toml."),
]
Out = Annotated[Path | None, typer.Option("--out", help="JSON file to write the result to.")]
SchemeName = Annotated[str, typer.Option("--scheme", help="Scheme name or TOML file.")]
LanguageOption = Annotated[
    Literal["en", "zh"], typer.Option("--language", help="Language of the sentences.")
]


def rules_of(path: Path | None) -> Rules:
    """Return the rules of a file, or those of the package."""
    from tiering.weights.rules import packaged_rules, parse_rules
    from tierwise.weights import files

    if path is None:
        return packaged_rules()
    return parse_rules(files.text_of(path), origin=path.name)


def tell_simulated(simulated: bool) -> None:
    """Say that figures are made up, if they are."""
    if simulated:
        console.print("[bold]Simulated[/bold]: answers or data are made up.")


def show(rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table, header first."""
    from training.evaluation.tables import rich_table

    console.print(rich_table(rows, title))


def say(text: str) -> None:
    """Print a sentence as it is: names may hold brackets."""
    console.print(escape(text), highlight=False, soft_wrap=True)
