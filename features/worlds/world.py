"""What a demo world gives: raw tables for the door, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import ibis.expr.types as ir

from features.errors import SourceNotFoundError


@dataclass(frozen=True, slots=True)
class WorldTables:
    """Raw tables under contract names, not yet cast or checked.

    Attributes
    ----------
    tables
        What :func:`features.sources.ingest` takes.
    currency
        ISO 4217 code of all money.
    simulated
        True if no row was observed in reality.
    terms
        Where the data come from and on what terms.
    title_en, title_zh
        Names for people.
    """

    tables: Mapping[str, ir.Table]
    currency: str
    simulated: bool
    terms: str
    title_en: str
    title_zh: str


def packaged_file(package: str, version: str, path: str) -> Path:
    """Return a data file of an installed package, without importing the package.

    Raises
    ------
    SourceNotFoundError
        If the package is not installed or does not carry the file.
    """
    hint = f"Run `make install`: it installs the extra `demo`, which brings {package}=={version}."
    try:
        files = distribution(package).files or ()
    except PackageNotFoundError as error:
        raise SourceNotFoundError(
            f"The data package {package!r} is not installed.", hint=hint, package=package
        ) from error
    for file in files:
        located = Path(str(file.locate()))
        if file.as_posix() == path and located.is_file():
            return located
    raise SourceNotFoundError(
        f"The installed {package!r} does not carry {path!r}.", hint=hint, package=package, path=path
    )
