"""``tierwise migrate``: bring the store's schema up to date, and do nothing else."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from serving.options import DatabaseUrl, Home, WorldArgument, read_settings
from serving.store.session import HEAD, Database

app = typer.Typer(name="migrate", help="Bring the store's schema up to date.", add_completion=False)
console = Console()


@app.command()
def migrate(
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    grant: Annotated[
        list[str] | None,
        typer.Option(help="Account of PostgreSQL that is to serve: what it needs; repeatable."),
    ] = None,
) -> None:
    """Bring the store's schema up to date: by its owner, before another account serves."""
    store = Database(read_settings(world=world, home=home, database_url=database).database)
    try:
        before = store.revision()
        if before == HEAD:
            told = f"is up to date (revision {HEAD})"
        else:
            store.upgrade()
            told = f"was brought from {before or 'nothing'} to revision {HEAD}"
        _say(f"{store.label} {told}.")
        for account in grant or ():
            store.let_serve(account)
            _say(f"{account} may serve: it reads and writes rows, and changes no table.")
    finally:
        store.dispose()


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
