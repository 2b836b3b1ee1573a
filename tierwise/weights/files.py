"""Files of a panel: answers and judgements as TOML, JSON or a table (CSV), results as JSON."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from tiering.errors import WeightsError

Row = dict[str, str]


def text_of(path: Path) -> str:
    """Return the text of a file; a byte order mark, as spreadsheets write it, is left out.

    Raises
    ------
    WeightsError
        If there is no such file, or it is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise WeightsError(
            f"The file {path} cannot be read: {error.strerror}.",
            hint="Give the path of a .toml, .json or .csv file; docs/examples/weights has some.",
        ) from error
    except UnicodeDecodeError as error:
        raise WeightsError(
            f"The file {path.name} is not UTF-8 text.", hint='Save it as "CSV UTF-8".'
        ) from error


def document_of(path: Path, from_rows: Callable[[list[Row]], dict[str, Any]]) -> dict[str, Any]:
    """Return a file as a document; a table becomes one by ``from_rows``.

    Raises
    ------
    WeightsError
        If it cannot be read, or is not what its name says.
    """
    text = text_of(path)
    if path.suffix.lower() == ".csv":
        return from_rows(_rows(text, path))
    try:
        found = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as error:
        raise WeightsError(f"The file {path.name} is not valid: {error}.") from error
    if not isinstance(found, dict):
        raise WeightsError(f"The file {path.name} holds no document with named fields.")
    return found


def json_of(path: Path) -> dict[str, Any]:
    """Return a JSON file that a command wrote."""
    return document_of(path, lambda _: {})


def answers_from_rows(rows: list[Row]) -> dict[str, Any]:
    """Return a table of answers as a document: ``round, member, role``, one column a dimension.

    An empty cell is a missing answer. A column ``simulated`` with ``true`` marks all of it.
    """
    keys = ("round", "member", "role")
    answers = [
        {
            **{key: row[key] for key in keys if key in row},
            "weights": {
                key: cell for key, cell in row.items() if cell and key not in (*keys, "simulated")
            },
        }
        for row in rows
    ]
    dimensions = [key for key in (rows[0] if rows else ()) if key not in (*keys, "simulated")]
    return {"answers": answers, "dimensions": dimensions, "simulated": _simulated(rows)}


def judgements_from_rows(rows: list[Row]) -> dict[str, Any]:
    """Return a table of judgements as a document: ``member, role, first, second, value``."""
    judgements = [{k: v for k, v in row.items() if k != "simulated"} for row in rows]
    return {"judgements": judgements, "simulated": _simulated(rows)}


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.part")
    try:
        staging.write_text(text, "utf-8")
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document as JSON; what is not a number must be None by then."""
    write(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _rows(text: str, path: Path) -> list[Row]:
    table = csv.DictReader(StringIO(text), restkey="", restval="")
    header = [name.strip() for name in table.fieldnames or ()]
    if len(set(header)) < len(header) or "" in header:
        raise WeightsError(
            f"The table {path.name} has a column without a name, or two of one name.",
            hint="Its first line must name every column once.",
        )
    rows = []
    for number, raw in enumerate(table, start=2):
        if "" in raw:
            raise WeightsError(f"Line {number} of {path.name} has more cells than columns.")
        row = {key.strip(): cell.strip() for key, cell in raw.items()}
        if any(row.values()):
            rows.append(row)
    return rows


def _simulated(rows: list[Row]) -> bool:
    return any(row.get("simulated", "").lower() == "true" for row in rows)
