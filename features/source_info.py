"""What is known of a folder of ingested sources, and the report of its making."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from features.contract import REASONS
from features.errors import DataError, SourceNotFoundError
from features.folder import SOURCES_JSON, finish_exchange

_FORMAT = 1

# A silence this long that cuts off so small a share of the lines is told as a stray end.
_SILENT_DAYS = 180
_FEW = 0.01


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

    def to_dict(self) -> dict[str, object]:
        """Return the information as JSON-serialisable values."""
        return {
            "format": _FORMAT,
            **asdict(self),
            "columns": {table: list(names) for table, names in self.columns.items()},
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
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
            return cls(**document, columns=columns, first_day=first_day, last_day=last_day)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} cannot be read: {error}.", hint=hint, path=str(path)
            ) from error


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What came of an ingestion.

    Attributes
    ----------
    info
        The written ``sources.json``.
    examples
        The first few refused rows of each table by reason, as JSON text.
    notes
        What a person should look at although no row is refused for it.
    """

    info: SourceInfo
    examples: Mapping[str, Mapping[str, tuple[str, ...]]]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable values."""
        examples = {
            table: {reason: list(rows) for reason, rows in reasons.items()}
            for table, reasons in self.examples.items()
        }
        return {**self.info.to_dict(), "examples": examples, "notes": list(self.notes)}

    def to_text(self) -> str:
        """Return the report as lines for a terminal."""
        info = self.info
        lines = [f"{info.world}: orders from {info.first_day} to {info.last_day}, {info.currency}"]
        for table, rows in info.rows.items():
            refused = info.quarantined[table]
            lines.append(f"  {table}: {rows:,} rows accepted, {sum(refused.values()):,} refused")
            for reason, count in refused.items():
                lines.append(f"    {reason}: {count:,} ({REASONS[reason][0]})")
                lines.append(f"      such as {self.examples[table][reason][0]}")
        lines += [f"  look: {note}" for note in self.notes]
        return "\n".join(lines)


def stray_orders(days: Sequence[tuple[date, int]]) -> tuple[str, ...]:
    """Return a sentence for each end of the log that lies far from the rest.

    One order dated 2099 moves everybody's last purchase decades into the past, and every
    row of it is sound. So nothing is refused; a person is told where to look.

    Parameters
    ----------
    days
        Days with orders, ascending, and how many lines each has. An end is told when a
        silence of more than 180 days cuts off less than 1 % of all lines.
    """
    total = sum(lines for _, lines in days)
    told = []
    before = 0
    for (day, lines), (following, _) in pairwise(days):
        before += lines
        silence = (following - day).days
        if silence <= _SILENT_DAYS:
            continue
        if before < _FEW * total:
            told.append(_sentence(before, f"up to {day}", silence, "before"))
        elif total - before < _FEW * total:
            told.append(_sentence(total - before, f"from {following} on", silence, "after"))
    return tuple(told)


def _sentence(lines: int, where: str, silence: int, side: str) -> str:
    return (
        f"{lines:,} order line(s) {where} lie {silence:,} days {side} the others: "
        "check these dates, for the span of the data counts from them"
    )
