"""Examples of the refused rows, as they came, without what identifies a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import ibis
from ibis.backends import BaseBackend

from features.contract import CONTRACT
from features.door.checks import NOTE, REASON, ROW
from features.door.folder import QUARANTINE
from features.door.refusals import Cause

_EXAMPLES = 3
_HIDDEN = "•••"


def examples(folder: Path, name: str, connection: BaseBackend) -> Mapping[str, tuple[str, ...]]:
    """Return the first rows of each cause in a table's quarantine, by its label, as JSON text.

    Parameters
    ----------
    folder
        Folder of ingested sources.
    """
    rows = connection.read_parquet(folder / QUARANTINE / f"{name}.parquet")
    place = ibis.row_number().over(group_by=[REASON, NOTE], order_by=rows[ROW])
    some = rows.mutate(place=place).filter(lambda t: t.place < _EXAMPLES)
    found: dict[str, list[str]] = {}
    for row in connection.to_pyarrow(some.order_by([REASON, NOTE, "place"])).to_pylist():
        cause = Cause(row[REASON], row[NOTE] or "", "", 0, 0)
        found.setdefault(cause.label, []).append(_hidden(row[ROW], name))
    return {label: tuple(texts) for label, texts in found.items()}


def _hidden(text: str, table: str) -> str:
    """Return the row without empty cells, personal ones masked."""
    personal = {column.name for column in CONTRACT[table].columns if column.pii}
    cells = {k: v for k, v in json.loads(text).items() if v is not None}
    masked = {k: _HIDDEN if k in personal else v for k, v in cells.items()}
    return json.dumps(masked, ensure_ascii=False)
