"""`tierwise features ingest`: raw files, databases or a demo world to a folder of sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from ibis.backends import BaseBackend
from rich.console import Console

from features.backends import connect
from features.commands.terminal import (
    DataFolders,
    MappingFiles,
    MemoryOption,
    ThreadsOption,
    bar,
)
from features.mapping.systems import inflow, read_systems
from features.sources import SourceReport
from features.sources import ingest as ingest_tables
from features.worlds.registry import WORLDS, load

Progress = Callable[[str, int, int], None]


def ingest(
    out: Annotated[Path, typer.Option(help="Folder to write; replaced as a whole.")],
    world: Annotated[str | None, typer.Option(help=f"A demo world: {', '.join(WORLDS)}.")] = None,
    mapping: MappingFiles = None,
    data: DataFolders = None,
    memory: MemoryOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Take a demo world, or your own data, in at the door: cast, check, quarantine."""
    mappings, folders = mapping or [], data or []
    if (world is None) == (not mappings) or (folders and not mappings):
        raise typer.BadParameter("Give either --world, or --mapping, mostly with --data.")
    console = Console()
    connection = connect(threads=threads, memory_limit=memory)
    with bar(console) as progress:
        if world is not None:
            report = _world(world, out, connection, progress)
        else:
            report = own_data(mappings, folders, out, connection, progress)
    console.print(report.to_text(), highlight=False, markup=False, soft_wrap=True)


def own_data(
    mappings: Sequence[Path],
    folders: Sequence[Path],
    out: Path,
    connection: BaseBackend,
    progress: Progress,
) -> SourceReport:
    """Ingest the tables of one or several mappings.

    Parameters
    ----------
    mappings, folders
        Mapping files, and their data folders: none, one for all, or one for each.
    out
        Folder of sources to write; replaced as a whole.
    """
    if len(folders) not in {0, 1, len(mappings)}:
        raise typer.BadParameter("Give --data once for all mappings, or once for each of them.")
    read = read_systems(mappings)
    each = list(folders) if len(folders) == len(read) else [*folders, None][:1] * len(read)
    with inflow(read, each, connection) as given:
        return ingest_tables(
            given.tables,
            out,
            connection=connection,
            world=given.world,
            currency=given.currency,
            simulated=given.simulated,
            terms=given.terms,
            progress=progress,
        )


def _world(name: str, out: Path, connection: BaseBackend, progress: Progress) -> SourceReport:
    loaded = load(name, connection)
    return ingest_tables(
        loaded.tables,
        out,
        connection=connection,
        world=name,
        currency=loaded.currency,
        simulated=loaded.simulated,
        terms=loaded.terms,
        progress=progress,
    )
