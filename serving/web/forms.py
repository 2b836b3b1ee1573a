"""Forms that change something: read without a library, and believed only with their token."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

_FIELDS = 50


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises
    ------
    HTTPException
        415 or 400, if the body is not one form with each field once.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            max_num_fields=_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise HTTPException(400) from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise HTTPException(400)
    return fields
