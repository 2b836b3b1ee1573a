"""What somebody read: kept in a log whose every page is anchored in the audit trail (#102)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Read:
    """One look at customers.

    Attributes
    ----------
    at
        Instant, naive UTC.
    principal
        As the audit trail writes it: ``key:crm-sync``, ``person:li.wei``.
    action
        What was read: ``grade``, ``explanation``, ``list``, ``export`` ...
    customer_id
        The one customer; None for a list.
    customers
        How many customers were in the answer.
    request_id
        Of the request, as in the service's log.
    """

    at: datetime
    principal: str
    action: str
    customer_id: str | None
    customers: int
    request_id: str


def page_digest(reads: Iterable[Read]) -> str:
    """Return the SHA-256 (hex) of a page of the log, which its anchor carries."""
    digest = hashlib.sha256()
    for read in reads:
        line = [
            read.at.isoformat(),
            read.principal,
            read.action,
            read.customer_id,
            read.customers,
            read.request_id,
        ]
        digest.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
