"""`tierwise features publish`: sources, or raw files, to published indicators and outcomes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from features.backends import connect
from features.commands.ingest import own_data
from features.commands.instants import known_at_instant
from features.commands.terminal import DAY, MemoryOption, ThreadsOption, bar
from features.publish import publish as publish_snapshots
from features.sources import open_sources


class Engine(StrEnum):
    """Query engine."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def publish(
    out: Annotated[Path, typer.Option(help="Folder of published snapshots.")],
    sources: Annotated[
        Path | None,
        typer.Option(
            help="Folder written by `ingest`; with --mapping the folder to ingest to, by "
            "default OUT/sources."
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Folder of your own files, as for `ingest`."),
    ] = None,
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="TOML file that maps them; they are ingested first. Repeatable."
        ),
    ] = None,
    as_of: Annotated[
        list[datetime] | None,
        typer.Option(
            metavar="DAY", formats=DAY, help="Snapshot day, repeatable; the last day by default."
        ),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option(help="Day or instant (UTC) of knowledge; each snapshot's end by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None, typer.Option(metavar="DAYS", help="Outcome horizon in days, repeatable.")
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Engine of the indicators; ingestion is always DuckDB's.")
    ] = Engine.DUCKDB,
    memory: MemoryOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Write the indicators, and the outcomes that are over, of one or more snapshots."""
    if sources is None and not mapping:
        raise typer.BadParameter("Give --sources, or --mapping, mostly with --data.")
    if data and not mapping:
        raise typer.BadParameter("--data needs --mapping.")
    console = Console()
    instant = known_at_instant(known_at)
    with bar(console) as progress:
        folder = sources if sources is not None else out / "sources"
        if mapping:
            told = _ingested(mapping, data or [], folder, memory, threads, progress)
            console.print(told, highlight=False, markup=False)
        link = connect(engine.value, memory_limit=memory, threads=threads)
        opened = open_sources(folder, link)
        days = [moment.date() for moment in as_of or ()] or [opened.info.last_day]
        manifest = publish_snapshots(
            opened, out, days, horizon or (), known_at=instant, progress=progress
        )
    for day in days:
        if day > opened.info.last_day:
            console.print(
                f"look: {day} lies after the last day of the data, {opened.info.last_day}: "
                "everybody has been silent since.",
                highlight=False,
            )
    count = len(manifest.entries)
    console.print(
        f"{manifest.world}: {count} {'file' if count == 1 else 'files'} in {out}, "
        f"fingerprint {manifest.fingerprint()[:12]}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _ingested(
    mappings: list[Path],
    folders: list[Path],
    out: Path,
    memory: str | None,
    threads: int | None,
    progress: Callable[[str, int, int], None],
) -> str:
    connection = connect(memory_limit=memory, threads=threads)
    try:
        return own_data(mappings, folders, out, connection, progress).to_text()
    finally:
        connection.disconnect()  # its memory is the next engine's
