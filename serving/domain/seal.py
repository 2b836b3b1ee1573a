"""The seal of a run: one hash over all its grades, against which each can be proved.

Every grade with its explanation, as the store holds both, is hashed; the hashes, in their own
order, are the leaves of a Merkle tree (:mod:`serving.domain.merkle`), whose root goes into the
audit trail with the run. So a grade that is changed, added or taken away past the service is
found by reading the run, and one grade is proved by about ``log2(n)`` hashes to somebody who
sees no other.

What a column leaves empty (NULL, ``[]``, ``{}``) is left out, so that a column that a later
revision adds changes no seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from serving.domain.merkle import Head, head_of

_WIDTH = 32
_EMPTY = (None, "", "[]", "{}", b"")

Record = Mapping[str, object]
"""The columns of a row by name: texts (of JSON columns too), numbers, bytes, days, instants."""


def record_digest(*records: Record) -> bytes:
    """Return the SHA-256 of rows that belong together; the order of their columns is no matter."""
    told = [dict(_told(record)) for record in records]
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()


class Seal:
    """Takes the grades of a run one after the other; keeps 32 bytes of each."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def add(self, grade: Record, explanation: Record) -> None:
        """Add a grade and its explanation as they are stored."""
        self._digests += record_digest(grade, explanation)

    def add_rows(
        self,
        columns: Sequence[str],
        grades: Iterable[Sequence[object]],
        evidence_columns: Sequence[str],
        explanations: Iterable[Sequence[object]],
    ) -> None:
        """Add grades and their explanations, in the same order, as rows of columns."""
        for grade, explanation in zip(grades, explanations, strict=True):
            self.add(
                dict(zip(columns, grade, strict=True)),
                dict(zip(evidence_columns, explanation, strict=True)),
            )

    def leaves(self) -> list[str]:
        """Return the leaves of the tree in their order, hex."""
        kept = bytes(self._digests)
        return sorted(kept[at : at + _WIDTH].hex() for at in range(0, len(kept), _WIDTH))

    @property
    def head(self) -> Head:
        """The number of grades and the root of their tree."""
        return head_of(self.leaves())


def _told(record: Record) -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if isinstance(value, bool | int | str | bytes) or value is None:
            told: object = value
        elif isinstance(value, float):
            told = float(value) + 0.0  # SQLite keeps no negative zero; a NumPy number is no float
        elif isinstance(value, date):  # an instant too
            told = value.isoformat()
        else:
            told = json.dumps(value)  # a document, as the store writes it
        if told not in _EMPTY:
            yield name, told
