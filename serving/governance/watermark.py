"""Which export a leaked file came from: a mark in every row, and another in their order.

The mark of a row can be cut out; the order of the rows is a secret of the export as well, and
survives that. Both need the secret to be told from chance.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from itertools import pairwise

MARK = 12
"""Hexadecimal digits of a row's mark: 48 bits."""
_ENOUGH = 12
_IN_ORDER = 0.95


def row_mark(key: str, customer_id: str) -> str:
    """Return the mark of a customer's row, `MARK` hexadecimal digits."""
    return _mac(key, "row", customer_id)[:MARK]


def in_order(key: str, customers: Sequence[str]) -> list[int]:
    """Return the places of the customers in the order in which an export writes them."""
    return sorted(range(len(customers)), key=lambda place: _mac(key, "order", customers[place]))


def matches(key: str, customers: Sequence[str], marks: Sequence[str] = ()) -> bool:
    """Tell whether rows were written by the export of a key.

    Parameters
    ----------
    customers
        In the order found.
    marks
        Of the same rows; empty when they were cut out. Then the order decides, which takes at
        least 12 rows: 95 % of neighbours must stand as this export wrote them, where
        chance puts half.
    """
    if marks:
        return any(
            hmac.compare_digest(row_mark(key, customer), mark)
            for customer, mark in zip(customers, marks, strict=True)
        )
    places = [_mac(key, "order", customer) for customer in dict.fromkeys(customers)]
    if len(places) < _ENOUGH:
        return False
    kept = sum(a < b for a, b in pairwise(places))
    return kept >= _IN_ORDER * (len(places) - 1)


def _mac(key: str, what: str, customer_id: str) -> str:
    return hmac.digest(bytes.fromhex(key), f"{what}\0{customer_id}".encode(), "sha256").hex()
