"""What the commands share: options, and a progress bar for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

DAY = ["%Y-%m-%d"]
"""Format of a day on the command line."""

SourcesOption = Annotated[Path, typer.Option("--sources", help="Folder written by `ingest`.")]
MappingFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="TOML file that maps your own tables to the contract; one for each system, "
        "repeatable. The first names the world and its currency.",
    ),
]
DataFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Folder of your own files: one for all mappings, or one for each, in their "
        "order; by default what the mapping calls `data`.",
    ),
]
MemoryOption = Annotated[
    str | None, typer.Option(help="Memory the engine may take before it spills, as 3GB.")
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads of the engine; one a core by default.")
]


TOLD = "{task.description}"
"""How a bar tells what is done; rich's format of a column."""


def columns(text: str = TOLD) -> tuple[ProgressColumn, ...]:
    """Return what stands beside each other in a progress bar, after what is done as ``text``."""
    return TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()


@contextmanager
def bar(
    console: Console, what: str = "starting", text: str = TOLD
) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that moves a progress bar: what is done, steps done, steps in all.

    The bar goes away at the end, and is shown on a terminal only. ``what`` is told until it moves
    first; ``text`` is as for :func:`columns`.
    """
    with Progress(
        *columns(text), console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None)

        def advance(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield advance
