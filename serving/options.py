"""Options that the commands of the service share, and the settings that they make.

The command line comes before the environment, the environment before the default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from serving.errors import SettingsError
from serving.settings import PushSettings, Settings

WorldArgument = Annotated[
    str | None,
    typer.Argument(
        show_default="TIERWISE_WORLD, else journey",
        help="Name of the world: its folder below --home.",
    ),
]
WorldOption = Annotated[
    str | None,
    typer.Option(
        "--world",
        show_default="TIERWISE_WORLD, else journey",
        help="Name of the world: its folder below --home.",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        show_default="TIERWISE_HOME, else var",
        help="Folder that holds all state.",
    ),
]
BundleFolder = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        show_default="TIERWISE_BUNDLE_DIR, else the champion's",
        help="Folder of a bundle.",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        show_default="TIERWISE_DATABASE_URL, else SQLite in the world's folder",
        help="URL of the store.",
    ),
]


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment, with what was given on the command line before it.

    Parameters
    ----------
    given
        Fields of :class:`Settings`; None stands for what was not given.

    Raises
    ------
    SettingsError
        Naming every setting that cannot be used, without its value, which may be a secret.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        prefix = "TIERWISE_PUSH_" if error.title == PushSettings.__name__ else "TIERWISE_"
        faults = [
            f"{prefix}{'.'.join(map(str, fault['loc']))}".upper() + f": {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError(
            f"The settings cannot be used: {'; '.join(faults)}.",
            hint="Correct the variable, or the option that stands for it.",
        ) from None  # its text holds the values
