"""What every operation has in common, written into the OpenAPI file for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from serving.api.declared import declared
from serving.api.sampling import example_of
from serving.wire.repetition import HEADER, QUERIES, REPLAYED, SECRET, WRITES

VERSIONING = (
    "Customer grades, why they came out as they did, and what would change them.\n\n"
    "Everything under `/v1` only grows: members, parameters and addresses are added, none is "
    "removed or changes its meaning. An operation that will go is marked `deprecated` here and "
    "answers with `Deprecation` and `Sunset` headers (RFC 9745, RFC 8594) for at least six "
    "months; what replaces it then lives under `/v2`."
)

_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Makes the write safe to repeat: for 24 hours the same key with the same "
    "request gives the first answer again.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,255}$"},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
_CONDITION = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer kept from before: 304 if it is the same still.",
    "schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
    "example": '"5d41402abc4b2a76b9719d911017c592"',
}
_TAG = {
    "description": "Strong validator of the answer.",
    "schema": {"type": "string"},
    "example": '"5d41402abc4b2a76b9719d911017c592"',
}
_LINK = {
    "description": "The next page, if there is one.",
    "schema": {"type": "string"},
    "example": '</v1/grades?cursor=WyJyIiwxXQ>; rel="next"',
}
_AGAIN = {
    "description": "`true` if this is the answer to an earlier request with the same key.",
    "schema": {"type": "string"},
    "example": "true",
}


def install(app: FastAPI) -> None:
    """Let the application write its OpenAPI file with all of this in it."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        document = described()
        if fresh:
            complete(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def complete(document: dict[str, Any]) -> None:
    """Write headers, conditional answers and examples into a document, in place."""
    for path, method, operation in operations(document):
        if path.startswith("/v1/"):
            if method == "GET":
                _conditional(operation, document)
            elif is_write(method, path):
                _repeatable(operation)
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                _exemplify(answer, document)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and description of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def is_write(method: str, path: str) -> bool:
    """Tell whether an operation changes something, and may be repeated with a key."""
    return method in WRITES and QUERIES.fullmatch(path) is None and not path.startswith(SECRET)


def is_page(schema: dict[str, Any]) -> bool:
    """Tell whether a schema is a page of a list."""
    return {"items", "next", "cursor"} <= set(schema.get("properties", {}))


def _conditional(operation: dict[str, Any], document: dict[str, Any]) -> None:
    answer = operation["responses"]["200"]
    media = answer.get("content", {}).get("application/json")
    if media is None:
        return
    operation.setdefault("parameters", []).append(_CONDITION)
    headers = answer.setdefault("headers", {})
    headers["ETag"] = _TAG
    if is_page(_resolved(media["schema"], document)):
        headers["Link"] = _LINK
    operation["responses"]["304"] = {
        "description": "The same as the answer with this ETag.",
        "headers": {"ETag": _TAG},
    }


def _repeatable(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(_KEY)
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answer.setdefault("headers", {})[REPLAYED] = _AGAIN
    for status, answer in declared(409, 422, 503).items():
        operation["responses"].setdefault(str(status), answer)


def _exemplify(answer: dict[str, Any], document: dict[str, Any]) -> None:
    media = answer.get("content", {}).get("application/json")
    if media is not None and not {"example", "examples"} & set(media):
        media["example"] = example_of(media["schema"], document["components"]["schemas"])


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"].get(name, schema)
    return found
