"""What is backtested: the data sets, the recipes, and where each takes its rows from."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.backends import connect
from features.errors import SourceNotFoundError
from features.mapping.apply import apply_mapping, read_mapping
from features.sources import Sources, ingest, open_sources
from features.worlds.registry import WORLDS, load
from training.errors import RecipeError
from training.recipe import Recipe, load_recipe, parse_recipe

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent

SHARED_DATA = "TIERWISE_SHARED_DATA"
"""Environment variable with the folder of the real logs, ``../shared/data`` by default."""

MAPPINGS: Mapping[str, Path] = MappingProxyType(
    {"online_retail_II": ROOT / "docs" / "examples" / "online_retail_II.toml"}
)
"""Data sets of the shared folder by name, with the mapping that takes them in."""

NEVER: Mapping[str, str] = MappingProxyType(
    {"ibm_ar": "fictional receivables without orders: no evidence, and nothing to predict"}
)
"""Data sets that are left out whether or not they are there, and why."""


class Skipped(Exception):  # noqa: N818  (not an error: the page says so and goes on)
    """A data set cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """A data set and the recipe that it is backtested with."""

    id: str
    data: str
    recipe: Recipe

    @property
    def slug(self) -> str:
        """The id as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.id.lower()).strip("-")


def shared_data() -> Path:
    """Return the folder of the real logs, which may not exist."""
    return Path(os.environ.get(SHARED_DATA) or ROOT.parent / "shared" / "data")


def read_cases(path: Path = HERE / "cases.toml") -> tuple[Case, ...]:
    """Read the cases of a file."""
    document = tomllib.loads(path.read_text("utf-8"))
    return tuple(_case(entry, path.parent) for entry in document["case"])


def take_in(name: str, folder: Path) -> Sources:
    """Ingest a data set into a folder, once, and open it.

    Raises
    ------
    Skipped
        If it is not on this machine.
    """
    connection = connect()
    if not (folder / "sources").is_dir():
        try:
            options = _tables(name, connection)
        except SourceNotFoundError as error:
            raise Skipped(error.message) from error
        tables = options.pop("tables")
        ingest(tables, folder / "sources", connection=connection, world=name, **options)
    return open_sources(folder / "sources", connection)


def changed(text: str, change: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a recipe's text with other numbers; the comments stay.

    Raises
    ------
    RecipeError
        If the recipe has no such field.
    """
    for section, fields in change.items():
        for field, value in fields.items():
            pattern = (
                rf"(?ms)(^\[{re.escape(section)}\]$(?:(?!^\[).)*?^{re.escape(field)} = )[^\n]*"
            )
            text, hits = re.subn(pattern, rf"\g<1>{value}", text, count=1)
            if not hits:
                raise RecipeError(f"The recipe has no {section}.{field} to change.")
    return text


def _case(entry: Mapping[str, Any], folder: Path) -> Case:
    beside = folder / str(entry["recipe"])
    recipe = load_recipe(beside if beside.is_file() else entry["recipe"])
    text = changed(recipe.text, entry.get("change", {}))
    return Case(entry["id"], entry["data"], parse_recipe(text, origin=entry["id"]))


def _tables(name: str, connection: Any) -> dict[str, Any]:
    if name in WORLDS:
        world = load(name, connection)
        return {
            "tables": world.tables,
            "currency": world.currency,
            "simulated": world.simulated,
            "terms": world.terms,
        }
    folder = shared_data() / name
    if not folder.is_dir():
        raise Skipped(f"there is no folder {name} in ../shared/data ({SHARED_DATA} names another)")
    mapping = read_mapping(MAPPINGS[name])
    return {
        "tables": apply_mapping(mapping, folder, connection),
        "currency": mapping.currency,
        "simulated": mapping.simulated,
        "terms": mapping.terms,
    }
