"""What is known of a folder of ingested sources: its ``sources.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from features.door.folder import SOURCES_JSON, finish_exchange
from features.door.reconciliation import Totals
from features.door.refusals import Cause
from features.errors import DataError, SourceNotFoundError

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a folder of ingested sources says about itself.

    Attributes
    ----------
    world
        Name of the data set.
    currency
        ISO 4217 code of all money.
    simulated
        True if no row was observed in reality.
    terms
        Where the data come from and on what terms.
    fingerprints
        SHA-256 (hex) of each table's Parquet file.
    rows
        Accepted rows of each table.
    quarantined
        Refused rows of each table by reason.
    versioned
        Whether a table holds several versions (``recorded_at``) of some key.
    columns
        Contract columns of each table that were given and hold information: an attribute
        that is empty in every row is left out.
    first_day, last_day
        First and last day of the accepted orders.
    totals
        Of each table: ``rows``, the sum of each money column in ``currency``, and the number
        of true values of each yes/no column, in the source and on both sides of the door.
    causes
        Of each table: what was wrong with its rows, most rows first.
    systems
        Of each table: rows by the system they came from, where the mappings name systems.
    """

    world: str
    currency: str
    simulated: bool
    terms: str
    fingerprints: Mapping[str, str]
    rows: Mapping[str, int]
    quarantined: Mapping[str, Mapping[str, int]]
    versioned: Mapping[str, bool]
    columns: Mapping[str, tuple[str, ...]]
    first_day: date
    last_day: date
    totals: Mapping[str, Mapping[str, Totals]] = field(default_factory=dict)
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)
    systems: Mapping[str, Mapping[str, Totals]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the information as JSON-serialisable values."""
        return {
            "format": _FORMAT,
            **asdict(self),
            "columns": {table: list(names) for table, names in self.columns.items()},
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "totals": _texts(self.totals),
            "causes": {table: [asdict(c) for c in found] for table, found in self.causes.items()},
            "systems": _texts(self.systems),
        }

    def save(self, folder: Path) -> None:
        """Write ``sources.json`` into a folder."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2, sort_keys=True)
        (folder / SOURCES_JSON).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> SourceInfo:
        """Read ``sources.json``.

        Raises
        ------
        SourceNotFoundError
            If the folder or its ``sources.json`` is not there.
        DataError
            If the file was damaged or written by another version.
        """
        path = folder / SOURCES_JSON
        hint = "Run `tierwise features ingest` to build it."
        finish_exchange(folder)
        if not path.is_file():
            raise SourceNotFoundError(
                f"No ingested sources in {folder}: {SOURCES_JSON} is missing.",
                hint=hint,
                path=str(path),
            )
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document.pop("format") != _FORMAT:
                raise ValueError("written by another version")
            columns = {table: tuple(names) for table, names in document.pop("columns").items()}
            first_day = date.fromisoformat(document.pop("first_day"))
            last_day = date.fromisoformat(document.pop("last_day"))
            causes = {
                table: tuple(Cause(**cause) for cause in found)
                for table, found in document.pop("causes").items()
            }
            totals, systems = _totals(document.pop("totals")), _totals(document.pop("systems"))
            return cls(
                **document,
                columns=columns,
                first_day=first_day,
                last_day=last_day,
                totals=totals,
                causes=causes,
                systems=systems,
            )
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise DataError(
                f"{path} cannot be read: {error}.", hint=hint, path=str(path)
            ) from error


def _texts(totals: Mapping[str, Mapping[str, Totals]]) -> dict[str, dict[str, dict[str, str]]]:
    """Write decimals as text: a JSON number would come back as a binary float."""
    return {
        table: {name: {k: str(v) for k, v in asdict(t).items()} for name, t in of_table.items()}
        for table, of_table in totals.items()
    }


def _totals(document: Mapping[str, Any]) -> dict[str, dict[str, Totals]]:
    return {
        table: {
            name: Totals(**{side: Decimal(text) for side, text in sides.items()})
            for name, sides in of_table.items()
        }
        for table, of_table in document.items()
    }
