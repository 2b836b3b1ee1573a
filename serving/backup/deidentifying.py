"""Rows for a copy that leaves the house: nobody is named, and nothing that was written is told.

An allow list: a table or a column that is not named here does not leave. Customers, grades and
people get names by HMAC-SHA-256 under a key that stays, so the house can find its customer again
and nobody else can; ids of grades too, which without a key could be tried out. Events keep their
hash, so order and number of the trail are proved; their content stays, so it is not.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from serving.errors import BackupError

KEY_BYTES = 32

_KEPT: dict[str, frozenset[str] | None] = {
    "run": None,  # all its columns: it says nothing of a customer
    "grade": frozenset(
        {
            *("run_id", "score", "tier_index", "margin_up", "margin_down", "churn_probability"),
            *("ltv", "ltv_lower", "ltv_upper", "referred", "reasons", "dimension_scores"),
            *("indicators", "stage", "stages", "confidence", "segment", "raw_tier", "tier_since"),
            *("pending_since", "days_left"),
        }
    ),
    "grade_rank": frozenset({"run_id", "minus_score", "tier_index", "referred", "stage"}),
    "grade_explanation": frozenset({"base", "contributions", "points", "weights", "percentiles"}),
    "audit_event": frozenset({"sequence", "at", "action", "previous_hash", "hash"}),
}
_NAMED = {
    "run": {"actor": "person"},
    "grade": {"grade_id": "grade", "customer_id": "customer"},
    "grade_rank": {"customer_id": "customer"},
    "grade_explanation": {"grade_id": "grade"},
    "audit_event": {"actor": "person", "subject": "subject"},
}
_EMPTIED = {"grade": {"reason_texts": "{}"}, "audit_event": {"payload": "{}"}}


class Deidentifier:
    """Gives other names under one key.

    Parameters
    ----------
    key
        At least 32 random bytes, kept where the copy is not.

    Raises
    ------
    BackupError
        If the key is shorter.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise BackupError(
                f"A key needs {KEY_BYTES} bytes, this has {len(key)}.",
                hint="Write one: `head -c 32 /dev/urandom > backup.key`, and keep it apart.",
            )
        self._key = key

    def name(self, kind: str, value: str) -> str:
        """Return the other name of something."""
        digest = hmac.digest(self._key, f"{kind}\0{value}".encode(), "sha256")
        return digest.hex()[:32]

    def __call__(self, table: str, row: dict[str, Any]) -> dict[str, Any] | None:
        """Return a row as it may leave; None if its table stays."""
        if table not in _KEPT:
            return None
        kept, named, emptied = _KEPT[table], _NAMED.get(table, {}), _EMPTIED.get(table, {})
        told: dict[str, Any] = {}
        for column, value in row.items():
            if column in named:
                told[column] = None if value is None else self.name(named[column], value)
            elif (table, column) == ("grade", "moves"):
                told[column] = _codes_of(value)
            elif column in emptied:
                told[column] = emptied[column]
            else:
                told[column] = value if kept is None or column in kept else None
        return told


def _codes_of(moves: str) -> str:
    """Return how a tier came to be held, without the words."""
    codes = json.loads(moves).get("codes")
    return "{}" if codes is None else json.dumps({"codes": codes, "texts": {}})
