"""`tierwise features unify`: sources with one customer a company."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from features.commands.terminal import SourcesOption, bar
from features.identity.unify import unify as unify_sources


def unify(
    sources: SourcesOption,
    resolution: Annotated[Path, typer.Option(help="Folder written by `resolve`.")],
    out: Annotated[Path, typer.Option(help="Folder of the new sources; replaced as a whole.")],
) -> None:
    """Write the sources anew with master ids, and one golden record of each company."""
    console = Console()
    with bar(console) as progress:
        found = unify_sources(sources, resolution, out, progress=progress)
    console.print(
        f"{found.customers:,} customers are {found.masters:,} companies in {out} "
        f"({found.strangers:,} of them unknown to the customers table). "
        f"The crosswalk is {found.crosswalk}, beside it.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
