"""Dataclasses as JSON-serialisable values, their properties included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal


def plain(value: object) -> object:
    """Return a value as what JSON can hold.

    Dataclasses become mappings with their fields and properties, days and instants ISO 8601,
    decimals text, so that no digit is lost.
    """
    if is_dataclass(value) and not isinstance(value, type):
        told = [f.name for f in fields(value)]
        told += [n for n, member in vars(type(value)).items() if isinstance(member, property)]
        return {name: plain(getattr(value, name)) for name in told}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value
