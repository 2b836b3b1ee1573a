"""The accuracy KPI: the share of the rows nobody has to doubt (#9).

A row is faulty if it was refused at the door, if its customer (or a customer's referrer) is
unknown to the sources, or if it belongs to a challenged purchase; a row with two faults
counts once. What a rule of the mapping leaves out on purpose is no row of the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TARGET = 0.98
"""Share of rows without a fault that cleaned data must reach."""

DELIBERATE = frozenset({"excluded"})
"""Reasons of refusal that are a decision, not a fault."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Rows and faults of a table, or of all tables together.

    Attributes
    ----------
    rows
        Rows the snapshot sees, and refused rows but for the deliberate ones; a refused row
        counts at every snapshot, since its time cannot be trusted.
    refused
        Rows refused at the door.
    orphaned
        Visible rows that point nowhere.
    challenged
        Order lines of an unexplained jump, of customers that are known.
    """

    rows: int
    refused: int
    orphaned: int
    challenged: int

    @property
    def faulty(self) -> int:
        """Rows with a fault."""
        return self.refused + self.orphaned + self.challenged

    @property
    def share(self) -> float | None:
        """Share of the rows without a fault (0 to 1); None where there is no row."""
        return 1 - self.faulty / self.rows if self.rows else None

    @property
    def passed(self) -> bool:
        """Whether the target is reached; no row, no fault."""
        return self.share is None or self.share >= TARGET


def pooled(parts: Iterable[Accuracy]) -> Accuracy:
    """Return the accuracy of several tables together: a row is a row."""
    found = list(parts)
    return Accuracy(
        rows=sum(part.rows for part in found),
        refused=sum(part.refused for part in found),
        orphaned=sum(part.orphaned for part in found),
        challenged=sum(part.challenged for part in found),
    )
