"""The report of an ingestion, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from features.contract import REASONS
from features.door.refusals import Cause
from features.door.source_info import SourceInfo

# A silence this long that cuts off so small a share of the lines is told as a stray end.
_SILENT_DAYS = 180
_FEW = 0.01
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What came of an ingestion.

    Attributes
    ----------
    info
        The written ``sources.json``.
    examples
        The first few refused rows of each table, as JSON text, by what is wrong with them
        (:attr:`features.door.refusals.Cause.label`).
    notes
        What a person should look at although no row is refused for it.
    """

    info: SourceInfo
    examples: Mapping[str, Mapping[str, tuple[str, ...]]]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable values."""
        examples = {
            table: {label: list(rows) for label, rows in labels.items()}
            for table, labels in self.examples.items()
        }
        return {**self.info.to_dict(), "examples": examples, "notes": list(self.notes)}

    def to_text(self) -> str:
        """Return the report as lines for a terminal."""
        info = self.info
        lines = [f"{info.world}: orders from {info.first_day} to {info.last_day}, {info.currency}"]
        for table, rows in info.rows.items():
            refused = info.quarantined[table]
            lines.append(f"  {table}: {rows:,} rows accepted, {sum(refused.values()):,} refused")
            for name, totals in info.systems.get(table, {}).items():
                lines.append(
                    f"    from {name}: {totals.accepted:,} accepted, {totals.refused:,} refused"
                )
            for reason, count in refused.items():
                lines.append(f"    {reason}: {count:,} ({REASONS[reason][0]})")
                lines += self._causes(table, reason)
            lines += [
                f"    {cause.label}: fits {cause.matched:,} rows refused for an earlier reason"
                for cause in info.causes.get(table, ())
                if not cause.refused and cause.reason not in refused
            ]
            lines += self._totals(table)
        lines += [f"  look: {note}" for note in self.notes]
        return "\n".join(lines)

    def _causes(self, table: str, reason: str) -> list[str]:
        lines = []
        shown = set()
        for cause in self.info.causes.get(table, ()):
            if cause.reason != reason:
                continue
            where = " in ".join(filter(None, (cause.note, cause.system)))
            in_all = f"; fits {cause.matched:,} in all" if cause.matched != cause.refused else ""
            if where or in_all:
                lines.append(f"      {where or 'of these'}: {cause.refused:,}{in_all}")
            if cause.refused and cause.label not in shown:
                shown.add(cause.label)
                lines.append(f"      such as {self.examples[table][cause.label][0]}")
        return lines

    def _totals(self, table: str) -> list[str]:
        return [
            f"    {name}: {t.source:,} in the source = {t.accepted:,} accepted "
            f"+ {t.refused:,} refused"
            for name, t in self.info.totals.get(table, {}).items()
        ]


def mostly_refused(table: str, rows: int, causes: Sequence[Cause]) -> tuple[str, ...]:
    """Return a sentence for each cause that takes more than half of a table's rows.

    Dirt is rare; what most rows are refused for is more often a fault of the mapping.

    Parameters
    ----------
    rows
        All rows of the source table.
    """
    return tuple(
        f"{table}: {cause.refused:,} of {rows:,} rows are refused for {cause.label}: "
        "check the mapping of this column"
        for cause in causes
        if cause.refused > _MOST * rows and cause.reason != "excluded"
    )


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
