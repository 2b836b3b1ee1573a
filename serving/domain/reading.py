"""What somebody read: kept in a log whose every page is anchored in the audit trail (#102)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from json.encoder import encode_basestring_ascii as _text

import msgspec


class Read(msgspec.Struct, frozen=True):
    """One look at customers; one is made for every answer, which is why it is a struct.

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


def line_of(read: Read) -> str:
    """Return a read as it is hashed and handed to the store: a JSON array in ASCII.

    In the order of the attributes. Written by hand, as there is one for every answer.
    """
    customer = "null" if read.customer_id is None else _text(read.customer_id)
    return (
        f'["{read.at.isoformat()}",{_text(read.principal)},{_text(read.action)},{customer},'
        f"{read.customers},{_text(read.request_id)}]"
    )


def page_of(lines: Iterable[str]) -> str:
    """Return a page of the log: the `line_of` each read, with a line break behind each."""
    return "\n".join([*lines, ""])


def digest_of(page: str) -> str:
    """Return the SHA-256 (hex) of a page of the log, which its anchor carries."""
    return hashlib.sha256(page.encode("ascii")).hexdigest()


def page_digest(reads: Iterable[Read]) -> str:
    """Return the `digest_of` the page that reads make."""
    return digest_of(page_of(line_of(read) for read in reads))
