"""``/docs``: the OpenAPI file as a page that needs no script and nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from serving.guard import needs

router = APIRouter(include_in_schema=False, dependencies=[needs(None)])


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """Return the OpenAPI file."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Show every address with its parameters, body and answers."""
    return HTMLResponse(render(request.app.openapi()))


def render(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as HTML."""
    info = document["info"]
    operations = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [_schema(n, s) for n, s in sorted(document["components"]["schemas"].items())]
    title = f"{info['title']} API {info['version']}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head><body><main><h1>{escape(title)}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>'
        f"<h2>Addresses</h2>{''.join(operations)}<h2>Schemas</h2>{''.join(schemas)}"
        "</main></body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = [
        _row(p["name"], p["in"], _kind(p["schema"]), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        rows.append(_row("", "body", _kind(media["schema"]), ""))
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {"": {}}).items():
            kind = _kind(content.get("schema", {}))
            rows.append(_row(status, media or "no body", kind, answer["description"]))
    return (
        f"<section><h3><code>{method.upper()} {escape(path)}</code></h3>"
        f"<p>{_paragraphs(operation.get('description', ''))}</p>"
        f"<table><tr><th>Name or status</th><th>Where or type</th><th>Schema</th><th>Meaning</th>"
        f"</tr>{''.join(rows)}</table></section>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    fields = [
        _row(field, "", _kind(kind), kind.get("description", ""))
        for field, kind in schema.get("properties", {}).items()
    ]
    example = schema.get("examples", [])
    shown = "".join(
        f"<pre>{escape(json.dumps(e, ensure_ascii=False, indent=2))}</pre>" for e in example
    )
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{_paragraphs(schema.get('description', ''))}</p>"
        f"<table><tr><th>Field</th><th></th><th>Schema</th><th>Meaning</th></tr>"
        f"{''.join(fields)}</table>{shown}</section>"
    )


def _row(name: str, place: str, kind: str, meaning: str) -> str:
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(place)}</td><td>{kind}</td>"
        f"<td>{escape(meaning)}</td></tr>"
    )


def _kind(schema: dict[str, Any]) -> str:
    """Return a schema in a word or two, with links to the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_kind(schema['additionalProperties'])}"
    return escape(schema.get("format", schema.get("type", "anything")))


def _paragraphs(text: str) -> str:
    return "</p><p>".join(escape(part) for part in text.split("\n\n"))
