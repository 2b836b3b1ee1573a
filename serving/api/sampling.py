"""An example of any schema: its own where it has one, else put together from its members'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXTS = {
    "date": "2024-06-30",
    "date-time": "2024-07-01T02:00:00Z",
    "uuid": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    "uri": "https://example.com/",
}
_NAMES = {
    "cursor": "WyIyMDI0MDcwMVQwMjAwMDAiLDU4LjUsIjEwMDEiXQ",
    "next": "/v1/grades?cursor=WyIyMDI0MDcwMVQwMjAwMDAiLDU4LjUsIjEwMDEiXQ",
    "en": "Core customer",
    "zh-CN": "核心客户",
    "customer_id": "1001",
    "run_id": "20240701T020000000000-1a2b3c4d",
    "currency": "USD",
    "world": "journey",
}
_DEPTH = 8


def example_of(
    schema: Mapping[str, Any], components: Mapping[str, Any], name: str = "", depth: int = 0
) -> Any:
    """Return an example of a schema.

    Parameters
    ----------
    components
        The document's named schemas.
    name
        Member that holds the value; well-known names have telling values.
    depth
        Schemas around this one; a schema within itself ends there.
    """
    for ready in ("const", "example"):
        if ready in schema:
            return schema[ready]
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        inner = components[schema["$ref"].rpartition("/")[2]]
        return example_of(inner, components, name, depth + 1)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return example_of(options[0], components, name, depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return {
            key: example_of(each, components, key, depth + 1)
            for key, each in schema["properties"].items()
        }
    if kind == "object":
        values = schema.get("additionalProperties")
        if not isinstance(values, Mapping) or depth > _DEPTH:
            return {}
        return {"net_amount_365d": example_of(values, components, "", depth + 1)}
    if kind == "array":
        if depth > _DEPTH:
            return []
        return [example_of(schema.get("items", {}), components, "", depth + 1)]
    return _plain(schema, name)


def _plain(schema: Mapping[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return schema.get("default", True)
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1)) if kind == "integer" else 0.5
    if kind == "null":
        return None
    text = _TEXTS.get(schema.get("format", "")) or _NAMES.get(name, name or "text")
    return text if name not in ("sha256", "hash", "root") else "9" * 64
