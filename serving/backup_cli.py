"""``tierwise backup``: take, check and set up backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.backup.contents import Contents, check
from serving.backup.deidentifying import Deidentifier
from serving.errors import BackupError
from serving.options import DatabaseUrl, Home, WorldArgument, read_settings

app = typer.Typer(
    name="backup",
    help="Take, check and set up backups.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()


@app.command("create")
def create_backup(
    world: WorldArgument = None,
    out: Annotated[Path | None, typer.Option(help="New folder to write.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="Folder of backups: a new one in it, named by its time.")
    ] = None,
    home: Home = None,
    database: DatabaseUrl = None,
    sources: Annotated[
        bool, typer.Option("--with-sources", help="Take the sources too, to replay grades.")
    ] = False,
    deidentify: Annotated[
        Path | None,
        typer.Option(help="Name nobody: file of a key of 32 bytes or more, which stays here."),
    ] = None,
) -> None:
    """Copy the store of one moment, bundles and registry, while the service runs."""
    from serving.backup.taking import create

    if (out is None) == (into is None):
        raise typer.BadParameter("Give either --out or --into.")
    settings = read_settings(world=world, home=home, database_url=database)
    named = f"{settings.world}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder = out or Path(str(into)) / named
    hidden = None if deidentify is None else Deidentifier(_key(deidentify))
    _tell("Taken", create(settings, folder, sources=sources, hidden=hidden))


@app.command("verify")
def verify_backup(folder: Annotated[Path, typer.Argument(help="Folder of a backup.")]) -> None:
    """Check every file of a backup and the audit trail in it; needs no store."""
    _tell("Whole", check(folder))


@app.command("restore")
def restore_backup(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Set a backup up in an empty place, on SQLite or PostgreSQL, wherever it was taken."""
    from serving.backup.taking import restore

    _tell("Restored", restore(folder, read_settings(world=world, home=home, database_url=database)))


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BackupError(f"The key {path} cannot be read.") from error


def _tell(what: str, contents: Contents) -> None:
    rows, files = sum(contents.rows.values()), len(contents.files)
    nobody = ", nobody named" if contents.deidentified else ""
    console.print(
        f"{what}: {rows:,} rows and {files:,} files of {contents.world} at {contents.created_at}"
        f"{nobody}. {contents.head.size:,} audit events, root {contents.head.root}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
