"""One record of a company out of several of a customer, as it was known at each time.

Whenever one of the records changes, the golden record is made anew from the versions recorded by
then, and from nothing later. Field by field, the record with the most fields filled decides; among
those the one recorded last, then the one with the smallest id. What it leaves empty, the next one
fills. The company was created when the first of its records was, and it has all the names that
any version of any of them had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from features.contract import CONTRACT
from features.identity.records import split_aliases

BEGINNING = datetime(1900, 1, 1)
"""Recorded at, of what was known before anything that has a time: the door's earliest instant."""

_COLUMNS = CONTRACT["customers"].column_names
_OWN = {"customer_id", "created_at", "recorded_at", "aliases"}
_SURVIVING = tuple(name for name in _COLUMNS if name not in _OWN)

Version = Mapping[str, Any]


def golden_records(master: str, versions: Iterable[Version]) -> list[dict[str, Any]]:
    """Return the golden record of a company, one row for each time at which it changed.

    Parameters
    ----------
    master
        Its id.
    versions
        The rows of its customers, contract columns; ``recorded_at`` None is known from the
        beginning.

    Returns
    -------
    list
        Rows with the contract columns, by ``recorded_at``. A row that says what the one
        before it said is left out.
    """
    arrivals: dict[datetime, list[Version]] = defaultdict(list)
    for version in versions:
        arrivals[version["recorded_at"] or BEGINNING].append(version)
    latest: dict[str, Version] = {}
    names: set[str] = set()
    rows: list[dict[str, Any]] = []
    for moment in sorted(arrivals):
        for version in arrivals[moment]:
            latest[version["customer_id"]] = version
            names |= {version["name"] or "", *split_aliases(version["aliases"])}
        row = _merged(list(latest.values()))
        others = names - {row["name"] or "", ""}
        row |= {"customer_id": master, "aliases": ";".join(sorted(others)) or None}
        if not rows or row != {**rows[-1], "recorded_at": None}:
            rows.append(row | {"recorded_at": moment})
    if len(rows) == 1 and rows[0]["recorded_at"] == BEGINNING:
        rows[0]["recorded_at"] = None
    return [{name: row[name] for name in _COLUMNS} for row in rows]


def _merged(latest: list[Version]) -> dict[str, Any]:
    """Return the fields that survive of the latest version of each customer."""
    ranked = sorted(latest, key=lambda version: version["customer_id"])
    ranked.sort(key=lambda version: version["recorded_at"] or BEGINNING, reverse=True)
    ranked.sort(key=lambda version: -sum(version[name] is not None for name in _SURVIVING))
    row = {
        name: next((version[name] for version in ranked if version[name] is not None), None)
        for name in _SURVIVING
    }
    created = [version["created_at"] for version in latest if version["created_at"] is not None]
    return row | {"created_at": min(created, default=None), "recorded_at": None}
