"""Commands from raw files to published indicators: ``tierwise features ...``.

Expected failures are raised as they are; ``tierwise/cli.py`` tells them to people.
"""

from __future__ import annotations

import typer

from features.commands.catalogue import catalogue
from features.commands.check import check
from features.commands.contract import contract
from features.commands.ingest import ingest
from features.commands.publish import publish
from features.commands.resolve import resolve
from features.commands.simulate import simulate
from features.commands.unify import unify

app = typer.Typer(
    no_args_is_help=True,
    help="Ingest sources, check them, publish indicators.",
    add_completion=False,
)
for command in (ingest, check, resolve, unify, publish, catalogue, contract, simulate):
    app.command()(command)
