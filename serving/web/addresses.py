"""Addresses of the pages. A customer id may hold anything a source system lets through."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def address(path: str, **query: str | int | None) -> str:
    """Return ``path`` with the parameters that say something; None, "" and 0 are left out."""
    text = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{text}" if text else path


def customer_address(customer_id: str) -> str:
    """Return the address of a customer's page.

    The id is a part of the path where the path can carry it. Browsers fold ``.`` and ``..``
    away even when they are encoded, servers do not route line breaks: such ids travel in
    the query instead.
    """
    if customer_id.strip(".") and customer_id.isprintable() and "/." not in f"/{customer_id}":
        return f"/customers/{quote(customer_id, safe='')}"
    return f"/customers?{urlencode({'id': customer_id})}"
