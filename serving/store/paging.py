"""Pages by keyset: a cursor remembers the last row seen, so no page is skipped or doubled."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from serving.errors import InvalidRequestError, RequestFault

T = TypeVar("T")
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list.

    Attributes
    ----------
    total
        Rows of the whole list.
    cursor
        Opaque; hand it back for the rows behind these. None on the last page.
    """

    items: tuple[T, ...]
    total: int
    cursor: str | None


def encode_cursor(*key: str | float) -> str:
    """Write a sort key as an opaque, URL-safe text; floats survive exactly."""
    text = json.dumps(key, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> tuple[str | float, ...]:
    """Read a cursor back.

    Raises
    ------
    InvalidRequestError
        If the text is not a cursor of this list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        right = isinstance(key, list) and len(key) == len(kinds)
        right = right and all(map(_is, key, kinds))
    except (binascii.Error, ValueError, RecursionError):
        right = False
    if not right:
        raise bad_cursor()
    return tuple(key)


def _is(part: object, kind: type) -> bool:
    if isinstance(part, float) and not math.isfinite(part):
        return False
    if isinstance(part, str):
        part.encode()  # JSON may carry half a surrogate pair, which no database takes.
    return type(part) is kind


def instant_of(text: str) -> datetime:
    """Read an instant of a cursor, naive UTC.

    Raises
    ------
    InvalidRequestError
        If it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_cursor() from error
    if instant.tzinfo is not None:
        raise bad_cursor()
    return instant


def bad_cursor() -> InvalidRequestError:
    """Return the error for a text that is not a cursor of the list it was given to."""
    return InvalidRequestError(
        "The cursor is not one of this list.",
        [RequestFault("Not a cursor of this list.", parameter="cursor")],
        hint="Use the cursor of the page before, unchanged, or leave it out.",
    )
