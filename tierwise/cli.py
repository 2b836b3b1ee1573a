"""The console command ``tierwise``: one name in front of every package's commands.

A command's module is imported only when that command runs, so that ``tierwise serve``
starts without the training stack and ``tierwise --help`` answers at once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives: module with a Typer ``app``, and one line of help.

    ``whole`` mounts the app itself as a group; otherwise the app's command of the same
    name is taken.
    """

    module: str
    help: str
    whole: bool = False


COMMANDS: dict[str, Entry] = {
    "demo": Entry("tierwise.demo", "The whole road on a real order log, then serve it."),
    "features": Entry(
        "features.cli", "Ingest sources, check them, publish indicators.", whole=True
    ),
    "recipe": Entry("tierwise.recipes", "Print a training recipe, to copy and change."),
    "scheme": Entry(
        "training.commands.scheme", "List, show, check, diff and dry-run schemes.", whole=True
    ),
    "train": Entry("training.cli", "Train, backtest, stress-test and register a challenger."),
    "backtest": Entry("training.cli", "Rolling-origin backtest beside the baselines."),
    "stress": Entry("training.cli", "Stress scenarios on the champion's tiers."),
    "certificate": Entry("training.cli", "Did automatic grades keep their promise? Exit 1 if not."),
    "approve": Entry("training.cli", "Stand for a version: production mode needs two who do."),
    "promote": Entry("training.cli", "Make a version champion if it passes its gates."),
    "rollback": Entry("training.cli", "Give the alias back to the previous champion."),
    "versions": Entry("training.cli", "Registered versions with aliases and key figures."),
    "gates": Entry("training.cli", "What was checked when a version was decided on, and by whom."),
    "tune": Entry("training.workbench", "Search recipe fields by backtest, within a budget."),
    "compare": Entry("training.workbench", "Runs side by side: figures, recipes, lineage."),
    "weights": Entry(
        "tierwise.weights.cli", "Weights from a panel and from data: ask, blend, sign.", whole=True
    ),
    "batch": Entry("serving.cli", "Grade all customers of a published snapshot."),
    "shadow": Entry(
        "tierwise.shadow", "Let a model grade beside the champion, and compare.", whole=True
    ),
    "canary": Entry(
        "tierwise.canary", "Let a model grade a share of the customers, and compare.", whole=True
    ),
    "grade": Entry("serving.cli", "Grade a snapshot into Parquet, here or on Spark."),
    "kpi": Entry("training.cli", "Targets against what published snapshots show."),
    "attribution": Entry("training.cli", "What tier service adds, told apart from the market."),
    "serve": Entry("serving.cli", "Serve the API and the pages."),
    "access": Entry("serving.access_cli", "Keys of machines, accounts of people.", whole=True),
    "deliver": Entry("serving.push_cli", "Deliver what happened to webhooks."),
    "webhooks": Entry("serving.push_cli", "List webhooks; send again what did not arrive."),
    "openapi": Entry("serving.openapi_cli", "Write the API's OpenAPI file."),
    "backup": Entry(
        "serving.backup_cli", "Take, check and set up backups, on either engine.", whole=True
    ),
    "audit": Entry(
        "serving.audit_cli", "Verify the audit trail, prove events, replay grades.", whole=True
    ),
}
"""Every command, in the order of the road through the house."""


class LazyGroup(TyperGroup):
    """A command group that imports a command's module when it is invoked."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=entry.help)

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
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
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


def main() -> None:
    """Run the console command; expected failures end with status 1 and a panel."""
    try:
        app()
    except TierwiseError as error:
        Console(stderr=True).print(render(error))
        sys.exit(1)
    except OSError as error:
        if not is_full(error):
            raise
        told = TierwiseError(f"A disk is full: {error}", hint=MAKE_ROOM)
        Console(stderr=True).print(render(told))
        sys.exit(1)
