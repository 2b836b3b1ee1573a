"""Options that several commands of training share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

World = Annotated[str, typer.Argument(help="Name of the world: its folder below --home.")]
Home = Annotated[
    Path, typer.Option("--home", envvar="TIERWISE_HOME", help="Folder that holds all state.")
]
RegistryUrl = Annotated[
    str,
    typer.Option(
        "--registry",
        envvar="TIERWISE_REGISTRY",
        show_envvar=True,
        show_default=False,
        help="MLflow store or tracking server: sqlite:///FILE, postgresql+psycopg://…, "
        "http(s)://…; by default mlflow.db below --home.",
    ),
]
Artifacts = Annotated[
    Path | None,
    typer.Option(
        "--artifacts",
        envvar="TIERWISE_ARTIFACTS",
        show_envvar=True,
        show_default=False,
        help="Folder of the promotion ledger, the rule for promotions and the artifacts; by "
        "default mlartifacts below --home.",
    ),
]
By = Annotated[str, typer.Option("--by", help="Who asks; kept in the promotion ledger.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the promotion ledger.")]

HOME = Path("var")
"""Default of ``--home``."""
