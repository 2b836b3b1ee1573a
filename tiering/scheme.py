"""Reading grading schemes from TOML, and writing them.

The file's shape (``tiering/schemes/default.toml`` is the model; docs/how-to-write-a-scheme.md
explains all of it): ``[dimensions.<id>]`` with ``weight`` and labels,
``[dimensions.<id>.indicators]`` with ``name = share`` or ``name = { weight = share, range =
[low, high] }``, ``[stages.<stage>]``, ``[[axes]]``, ``[[tiers]]`` from best to worst,
``[segments]``, ``[referral]``.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tiering.errors import Fault, SchemeError
from tiering.policy import DimensionWeight, IndicatorWeight, Referral, Scheme, Tier
from tiering.toml_text import to_toml
from tiering.validate import validate

__all__ = [
    "DimensionWeight",
    "IndicatorWeight",
    "Referral",
    "Scheme",
    "Tier",
    "load_scheme",
    "parse_scheme",
    "scheme_names",
    "scheme_text",
]


def scheme_names() -> tuple[str, ...]:
    """Return the names of the schemes that come with the package."""
    folder = files("tiering") / "schemes"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


def load_scheme(path_or_name: str | Path = "default") -> Scheme:
    """Read a scheme and check it.

    Parameters
    ----------
    path_or_name
        Name of a scheme of the package, or path of a ``.toml`` file.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    if str(path_or_name) in scheme_names():
        text = (files("tiering") / "schemes" / f"{path_or_name}.toml").read_text("utf-8")
        return parse_scheme(text, origin=str(path_or_name))
    path = Path(path_or_name)
    if not path.is_file():
        raise SchemeError(
            f"There is no scheme {str(path_or_name)!r}.",
            hint=f"Give the path of a TOML file, or one of: {', '.join(scheme_names())}.",
        )
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise SchemeError(f"Scheme {path.name} is not UTF-8 text: {error}.") from error
    return parse_scheme(text, origin=path.name)


def parse_scheme(text: str, *, origin: str = "scheme") -> Scheme:
    """Read a scheme from TOML text and check it.

    Parameters
    ----------
    origin
        What to call the text in an error message.

    Raises
    ------
    SchemeError
        If the text is no TOML (with its line) or breaks a rule; all faults are listed.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise SchemeError(
            f"Scheme {origin} is not valid TOML: {error}.",
            line=int(at[1]) if at else text.count("\n") + 1,
        ) from error
    faults: list[Fault] = []
    scheme = _build(_unfold(raw, faults), faults)
    if scheme is not None:
        faults += validate(scheme)
    if scheme is None or faults:
        raise SchemeError(
            f"Scheme {origin} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:",
            hint="Repair the file; the scheme in use is untouched.",
            faults=faults,
        )
    return scheme.remember(text)


def scheme_text(scheme: Scheme) -> str:
    """Return a scheme as TOML: the original text, comments and all, if it still holds.

    A scheme made or changed in code has no such text and is written afresh.
    """
    return scheme.remembered or to_toml(_fold(scheme))


def _fold(scheme: Scheme) -> dict[str, Any]:
    """Return the tables of the file: named ones where the model has lists."""
    document = scheme.model_dump(mode="json", exclude_none=True)
    document["dimensions"] = {
        dimension.pop("id"): dimension | {"indicators": _shares(dimension["indicators"])}
        for dimension in document["dimensions"]
    }
    if "stages" in document:
        weights = document["stages"].pop("weights")
        document["stages"] |= {entry.pop("stage"): entry for entry in weights}
    return document


def _shares(indicators: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``name = share`` where that says all of it, else a table for each.

    Never both: TOML puts tables behind plain values, and the order would change.
    """
    named = {i.pop("name"): i for i in indicators}
    plain = all(i.keys() == {"weight"} for i in named.values())
    return {name: i["weight"] for name, i in named.items()} if plain else named


def _unfold(raw: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Turn the named tables into the lists of the model, noting what is no table."""
    dimensions = []
    for name, table in _table(raw.get("dimensions", {}), "dimensions", faults).items():
        place = f"dimensions.{name}"
        entry = _table(table, place, faults)
        if "id" in entry:
            faults.append(Fault(f"{place}.id", "unknown key; the table's name is the id."))
        listed = _table(entry.get("indicators", {}), f"{place}.indicators", faults)
        indicators = [
            {**(value if isinstance(value, dict) else {"weight": value}), "name": key}
            for key, value in listed.items()
        ]
        dimensions.append({**entry, "id": name, "indicators": indicators})
    document = {**raw, "dimensions": dimensions}
    if "stages" in raw:
        stages = dict(_table(raw["stages"], "stages", faults))
        head = {key: stages.pop(key) for key in ("lifecycle",) if key in stages}
        weights = [
            {**_table(table, f"stages.{stage}", faults), "stage": stage}
            for stage, table in stages.items()
        ]
        document["stages"] = {**head, "weights": weights}
    return document


def _table(value: Any, place: str, faults: list[Fault]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    faults.append(Fault(place, f"must be a table, is {type(value).__name__}."))
    return {}


def _build(document: dict[str, Any], faults: list[Fault]) -> Scheme | None:
    """Make the scheme, noting faults; ``None`` if what is there cannot be read as one."""
    try:
        return Scheme.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        extra = detail["type"] == "extra_forbidden"
        message = "unknown key." if extra else f"{detail['msg'][0].lower()}{detail['msg'][1:]}."
        faults.append(Fault(_path(detail["loc"], document), message))
    if any(detail["type"] != "extra_forbidden" for detail in details):
        return None
    # Unknown keys alone hide nothing: without them the other rules can be checked as well.
    for detail in details:
        owner: Any = document
        for step in detail["loc"][:-1]:
            owner = owner[step]
        del owner[detail["loc"][-1]]
    return Scheme.model_validate(document)


_NAMED_BY = {"dimensions": "id", "indicators": "name", "weights": "stage"}
"""Lists of the model that are tables in the file, and the key that holds their name."""


def _path(loc: tuple[int | str, ...], document: dict[str, Any]) -> str:
    """Return a place in the model as it is written in the TOML."""
    path, at, key = "", document, ""
    for step in loc:
        at = _inside(at, step)
        if isinstance(step, int):
            name = at.get(_NAMED_BY[key]) if key in _NAMED_BY and isinstance(at, dict) else None
            path += f"[{step}]" if name is None else f".{name}"
        elif (step, key) != ("weights", "stages"):
            path += f".{step}"
        key = str(step)
    # `name = share` has no key of its own for the share.
    return re.sub(r"(\.indicators\.\w+)\.weight$", r"\1", path.removeprefix("."))


def _inside(owner: Any, step: int | str) -> Any:
    """Return what is at a step, None where there is nothing (a key that is missing)."""
    try:
        return owner[step]
    except (KeyError, IndexError, TypeError):
        return None
