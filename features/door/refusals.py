"""Why rows were refused, counted two ways: as the first reason of a row, and in all.

A row in quarantine has one reason, so the reasons add up to the rows. A row that is wrong
in two ways counts under the first only; how many rows each rule fits in all is told beside
it, so that a figure known from elsewhere (so many lines have no customer) can be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.contract import SourceTable
from features.door.checks import (
    BREAK,
    EXCLUSION,
    MASK,
    ROW,
    SYSTEM,
    UNKNOWN_CODES,
    explained,
    faults,
)

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that was wrong with rows of one table.

    Attributes
    ----------
    reason
        Code of :data:`features.contract.REASONS`.
    note
        The column it is about, or the note of the mapping's rule; may be empty.
    system
        System the rows came from; empty where the mapping names none.
    refused
        Rows that are in quarantine for it.
    matched
        Rows it fits in all, those refused for an earlier reason included.
    """

    reason: str
    note: str
    system: str
    refused: int
    matched: int

    @property
    def label(self) -> str:
        """Reason and note in one text."""
        return f"{self.reason}: {self.note}" if self.note else self.reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the rows of one table.

    Attributes
    ----------
    causes
        What was wrong, most rows first.
    accepted, refused
        Rows of each system; the empty name is that of a mapping without one.
    """

    causes: tuple[Cause, ...]
    accepted: Mapping[str, int]
    refused: Mapping[str, int]

    def by_reason(self) -> dict[str, int]:
        """Return the refused rows by reason, most first."""
        counts: Counter[str] = Counter()
        for cause in self.causes:
            counts[cause.reason] += cause.refused
        return {r: n for r, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n}


def judge(rows: ir.Table, table: SourceTable, connection: BaseBackend) -> Verdict:
    """Count the rows that :func:`features.door.checks.staged` made, by system and fault."""
    by = [SYSTEM, MASK, EXCLUSION, UNKNOWN_CODES]
    groups = connection.to_pyarrow(rows.group_by(by).aggregate(n=rows.count())).to_pylist()
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    first: Counter[tuple[str, str, str]] = Counter()
    matched: Counter[tuple[str, str, str]] = Counter()
    for group in groups:
        system, n = group[SYSTEM] or "", group["n"]
        if not group[MASK]:
            accepted[system] += n
            continue
        refused[system] += n
        found = [(reason, note, system) for reason, note in _found(group, table)]
        first[found[0]] += n
        for key in found:
            matched[key] += n
    causes = [Cause(*key, refused=first[key], matched=n) for key, n in matched.items()]
    return Verdict(
        causes=tuple(sorted(causes, key=lambda c: (-c.refused, -c.matched, c.label, c.system))),
        accepted=dict(sorted(accepted.items())),
        refused=dict(sorted(refused.items())),
    )


def examples(
    refused: ir.Table, table: SourceTable, causes: Sequence[Cause], connection: BaseBackend
) -> dict[str, tuple[str, ...]]:
    """Return the first few raw rows refused for each cause, by its label.

    Parameters
    ----------
    refused
        Refused rows of :func:`features.door.checks.staged`.
    """
    rows = explained(refused, table)
    told: dict[str, tuple[str, ...]] = {}
    for cause in causes:
        if cause.refused and cause.label not in told:
            some = rows.filter(
                rows["reason"] == cause.reason, rows["note"].fill_null("") == cause.note
            )
            first = connection.to_pyarrow(some.select(ROW).limit(_EXAMPLES))
            told[cause.label] = tuple(first[ROW].to_pylist())
    return told


def _found(group: Mapping[str, Any], table: SourceTable) -> Iterator[tuple[str, str]]:
    """Yield reason and note of all that fits a group, in order of precedence."""
    for place, fault in enumerate(faults(table)):
        if not group[MASK] >> place & 1:
            continue
        notes = group[fault.mark].split(BREAK) if fault.mark else [fault.note]
        yield from ((fault.reason, note) for note in notes)
