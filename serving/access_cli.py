"""``tierwise access``: keys of machines and accounts of people, for whoever runs the service.

Who may run this command on the service's machine may read its store anyway; the audit trail
writes them as ``operator:<name of the system account>``.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.access import keys, people
from serving.domain.access import LOCAL, Permission, Principal, Role
from serving.options import DatabaseUrl, Home, WorldOption, read_settings
from serving.store.credentials import Accounts, ApiKeys
from serving.store.paging import MAX_LIMIT
from serving.store.session import Database

app = typer.Typer(
    name="access",
    help="Who may ask: keys and accounts.",
    no_args_is_help=True,
    add_completion=False,
)
key = typer.Typer(help="Keys of machines.", no_args_is_help=True)
user = typer.Typer(help="Accounts of people.", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(user, name="user")
console = Console()

Roles = Annotated[list[Role], typer.Option("--role", help="Give it once for each role.")]
KeyName = Annotated[str, typer.Argument(help="Name or id of the key.")]
UserName = Annotated[str, typer.Argument(help="Name of the account.")]


@key.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Name of the key, never used before.")],
    role: Roles,
    scope: Annotated[
        list[Permission] | None,
        typer.Option("--scope", help="Only this of what the roles may; again for more."),
    ] = None,
    days: Annotated[float, typer.Option(help="Until it expires.")] = 90,
    world: WorldOption = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Make a key and print it, once."""
    with _store(home, world, database) as store:
        made, text = keys.create_key(
            store, _operator(), name, role, scopes=scope or None, days=days, at=_now()
        )
    _say(f"Key {made.name} holds until {made.expires_at:%Y-%m-%d %H:%M} UTC. It is shown once:")
    _say(text)


@key.command("list")
def list_keys(world: WorldOption = None, home: Home = None, database: DatabaseUrl = None) -> None:
    """List keys, those that are over too."""
    table = _table("Name", "Id", "Roles", "Scopes", "Expires", "Last used", "State")
    now = _now()
    with _store(home, world, database) as store, store.read() as session:
        cursor: str | None = None
        while True:
            page = ApiKeys(session).page(limit=MAX_LIMIT, cursor=cursor)
            for each in page.items:
                over = "revoked" if each.revoked_at else "expired"
                table.add_row(
                    each.name,
                    each.key_id,
                    "\n".join(sorted(each.roles)),
                    "all" if each.scopes is None else "\n".join(sorted(each.scopes)),
                    f"{each.expires_at:%Y-%m-%d %H:%M}",
                    f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never",
                    "live" if each.is_live(now) else over,
                )
            cursor = page.cursor
            if cursor is None:
                break
    console.print(table)


@key.command("rotate")
def rotate_key(
    name: KeyName,
    overlap_hours: Annotated[
        float,
        typer.Option(min=0, max=keys.LONGEST_OVERLAP_HOURS, help="The old secret holds so long."),
    ] = 24,
    world: WorldOption = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Give a key a new secret and print it, once."""
    with _store(home, world, database) as store:
        made, text = keys.rotate_key(
            store, _operator(), name, overlap_hours=overlap_hours, at=_now()
        )
    _say(
        f"The old secret of {made.name} holds until {made.previous_until:%Y-%m-%d %H:%M} UTC. "
        "The new one is shown once:"
    )
    _say(text)


@key.command("revoke")
def revoke_key(
    name: KeyName, world: WorldOption = None, home: Home = None, database: DatabaseUrl = None
) -> None:
    """End a key for good."""
    with _store(home, world, database) as store:
        made = keys.revoke_key(store, _operator(), name, at=_now())
    _say(f"Key {made.name} opens nothing any more; a running service knows within a second.")


@user.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Name of the account, never used before.")],
    role: Roles,
    display_name: Annotated[str, typer.Option("--name", help="As people call them.")] = "",
    world: WorldOption = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Add a local account and print a password for its first sign-in, once."""
    with _store(home, world, database) as store:
        account, password = people.add_account(
            store, _operator(), name, display_name, role, at=_now()
        )
    _say(f"{account.name} signs in with this password and has to change it then:")
    _say(password)


@user.command("list")
def list_users(world: WorldOption = None, home: Home = None, database: DatabaseUrl = None) -> None:
    """List accounts, disabled ones too."""
    table = _table("Name", "Called", "Roles", "Provider", "Last signed in", "State")
    now = _now()
    with _store(home, world, database) as store, store.read() as session:
        cursor: str | None = None
        while True:
            page = Accounts(session).page(limit=MAX_LIMIT, cursor=cursor)
            for each in page.items:
                locked = each.locked_until is not None and now < each.locked_until
                state = "locked" if locked else "first sign-in" if each.must_change else "live"
                table.add_row(
                    each.name,
                    each.display_name,
                    "\n".join(sorted(each.roles)),
                    each.issuer or "none",
                    f"{each.last_seen_at:%Y-%m-%d %H:%M}" if each.last_seen_at else "never",
                    "disabled" if each.disabled_at else state,
                )
            cursor = page.cursor
            if cursor is None:
                break
    console.print(table)


@user.command("disable")
def disable_user(
    name: UserName, world: WorldOption = None, home: Home = None, database: DatabaseUrl = None
) -> None:
    """Let a person in no more; their sessions end."""
    with _store(home, world, database) as store:
        people.disable_account(store, _operator(), name, at=_now())
    _say(f"{name} is out.")


@user.command("enable")
def enable_user(
    name: UserName, world: WorldOption = None, home: Home = None, database: DatabaseUrl = None
) -> None:
    """Let a person in again."""
    with _store(home, world, database) as store:
        people.enable_account(store, _operator(), name, at=_now())
    _say(f"{name} may sign in.")


@user.command("reset")
def reset_user(
    name: UserName, world: WorldOption = None, home: Home = None, database: DatabaseUrl = None
) -> None:
    """Print a new password for one sign-in, once; the sessions of the account end."""
    with _store(home, world, database) as store:
        _, password = people.reset_account(store, _operator(), name, at=_now())
    _say(f"{name} signs in with this password and has to change it then:")
    _say(password)


@user.command("role")
def change_roles(
    name: UserName,
    role: Roles,
    world: WorldOption = None,
    home: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Give an account these roles and no others; its sessions end."""
    with _store(home, world, database) as store:
        account = people.set_roles(store, _operator(), name, role, at=_now())
    _say(f"{name} is {', '.join(sorted(account.roles))} from now on.")


@contextmanager
def _store(home: Path | None, world: str | None, database: str | None) -> Iterator[Database]:
    settings = read_settings(home=home, world=world, database_url=database)
    store = Database(settings.database)
    try:
        if not store.is_current():
            store.upgrade()
        yield store
    finally:
        store.dispose()


def _operator() -> Principal:
    return Principal(f"operator:{getpass.getuser()}", "local", LOCAL.roles, LOCAL.permissions)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _table(*columns: str) -> Table:
    """Return a table that breaks long words rather than hide their end."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
