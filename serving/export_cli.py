"""``tierwise export``: open a locked export with both shares; trace rows that leaked."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.errors import ExportError
from serving.options import DatabaseUrl, Home, WorldOption, read_settings

app = typer.Typer(
    name="export",
    help="Open a locked export; trace leaked rows.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()


@app.command("open")
def open_export(
    file: Annotated[Path, typer.Argument(help="The file as fetched: EXPORT_ID.locked.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; must not be there yet.")],
    export_id: Annotated[
        str | None, typer.Option("--id", show_default="the file's name", help="Id of the export.")
    ] = None,
) -> None:
    """Open a locked export with the shares of both approvers; asks for them, needs no store."""
    from serving.governance.lock import unlock

    sealed = file.read_bytes()
    # Asked for, not options: what stands on a command line is in everybody's list of processes.
    first, second = (
        typer.prompt(f"Share of the {whose} approver", hide_input=True).strip()
        for whose in ("first", "second")
    )
    content = unlock(sealed, export_id or file.stem, first, second)
    try:
        # For nobody else's eyes, from the first byte on.
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(content)
    except FileExistsError as error:
        raise ExportError(f"{out} is there already.", hint="Name a new file by --out.") from error
    _say(f"{file} is open: {out}, for you alone to read.")


@app.command("trace")
def trace_export(
    file: Annotated[
        Path, typer.Argument(help="CSV of leaked rows with customer_id, best with mark.")
    ],
    world: WorldOption = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Tell which export leaked rows came from, by their marks or their order."""
    from serving.governance.exporting import ExportDesk
    from serving.governance.policy import load_governance
    from serving.store.exports import Exports
    from serving.store.session import Database

    with file.open(encoding="utf-8-sig", newline="") as leaked:
        rows = list(csv.DictReader(leaked))
    if not rows or "customer_id" not in rows[0]:
        raise ExportError(
            f"{file} has no rows with a column customer_id.",
            hint="Keep the rows in the order they were found in; a header names the columns.",
        )
    settings = read_settings(world=world, home=home, database_url=database)
    store = Database(settings.database)
    try:
        desk = ExportDesk(store, load_governance(settings.governance), _now)
        found = desk.trace(
            [row["customer_id"] for row in rows],
            [row["mark"] for row in rows] if "mark" in rows[0] else (),
        )
        with store.read() as session:
            exports = [each[0] for one in found if (each := Exports(session).get(one))]
    finally:
        store.dispose()
    if not exports:
        _say("The rows are of no export of this store, or too few of them in their order.")
        raise typer.Exit(1)
    for export in exports:
        _say(
            f"Export {export.export_id}, asked for by {export.requested_by} on "
            f"{export.requested_at:%Y-%m-%d}: {export.purpose}"
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
