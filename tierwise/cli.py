"""The console command ``tierwise``: one name in front of every package's commands.

A command's module is imported only when that command runs, so that ``tierwise serve``
starts without the training stack and ``tierwise --help`` answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from typer.core import TyperCommand, TyperGroup

from features.disks import MAKE_ROOM, is_full
from features.errors import TierwiseError
from tierwise.commands import COMMANDS, PANELS


class LazyGroup(TyperGroup):
    """A command group that imports a command's module when it is invoked."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, entries in PANELS.items():
            for name, entry in entries.items():
                command = TyperCommand(name, help=entry.help, rich_help_panel=panel)
                self.commands[name] = command

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of ``COMMANDS``, not of the alphabet."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Swap the placeholder for the real command, then resolve as usual."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """Import and return the command called ``name``."""
    entry = COMMANDS[name]
    command: Any = typer.main.get_command(import_module(entry.module).app)
    if not entry.whole and hasattr(command, "commands"):
        command = command.commands[name]
    command.name = name
    command.epilog = f"Example: tierwise {escape(entry.example)}"
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Customer grading by evidence.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        Console().print(f"tierwise {version('tierwise')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Customer grading by evidence."""


def render(error: TierwiseError) -> Panel:
    """Return an error as a person should meet it: what, where, what to do."""
    lines = [f"[bold]{escape(error.message)}[/bold]"]
    for key, value in error.context.items():
        if key == "faults":
            continue  # the message lists them
        text = str(value)
        lines.append(f"[dim]{escape(key)}:[/dim] {escape(text[:2000])}")
    if error.hint:
        lines.append(f"[green]→ {escape(error.hint)}[/green]")
    return Panel("\n".join(lines), title=type(error).__name__, border_style="red", expand=False)


def unusable(error: OSError) -> TierwiseError | None:
    """Return a full disk, or a file or folder that cannot be used, as an error with a hint.

    None if it is about neither: then what the trace tells is wanted.
    """
    if is_full(error):
        return TierwiseError(f"A disk is full: {error}", hint=MAKE_ROOM)
    if error.filename is None:
        return None
    return TierwiseError(
        f"{error.filename} cannot be used: {error.strerror}.",
        hint="Name a file or folder that is there and that you may read and write.",
    )


def main() -> None:
    """Run the console command; expected failures end with status 1 and a panel."""
    errors = Console(stderr=True)
    try:
        app(prog_name="tierwise")
    except TierwiseError as error:
        errors.print(render(error))
        sys.exit(1)
    except OSError as error:
        told = unusable(error)
        if told is None:
            raise
        errors.print(render(told))
        sys.exit(1)
