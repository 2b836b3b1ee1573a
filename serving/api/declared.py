"""What an endpoint can answer besides success, declared for the OpenAPI file."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from serving.api import event_examples
from serving.api.access_examples import ACCOUNT, KEY
from serving.api.alert_examples import ALERT
from serving.api.canary_examples import CANARY
from serving.api.change_schemas import CHANGE, HISTORY
from serving.api.examples import GRADE, LIFT, SIMULATIONS
from serving.api.export_schemas import EXPORT
from serving.api.outlook_examples import OUTLOOK
from serving.api.recovery_examples import RECOVERY
from serving.api.review_examples import APPEAL, REVIEW_DETAIL
from serving.api.service_schemas import Problem
from serving.api.webhook_examples import DELIVERY, WEBHOOK
from serving.guard import permission_of
from serving.problems import MEDIA_TYPE

_EXAMPLES: dict[int, dict[str, Any]] = {
    400: {"title": "Bad Request", "detail": "The body cannot be read."},
    401: {
        "type": "urn:tierwise:problem:unauthenticated",
        "title": "Who is asking?",
        "detail": "Nobody is known to be asking, or no longer.",
        "hint": "Send an API key as Authorization: Bearer tw_..., or sign in.",
    },
    403: {
        "type": "urn:tierwise:problem:forbidden",
        "title": "Not allowed",
        "detail": "key:crm-sync has no permission 'reviews.read'.",
        "hint": "Ask an administrator for a role that has it.",
        "context": {"permission": "reviews.read"},
    },
    404: {
        "type": "urn:tierwise:problem:customer-not-found",
        "title": "Customer not graded",
        "detail": "Customer 'c-9' has no grade in run 20240701T020000000000-1a2b3c4d "
        "(as of 2024-06-30).",
        "instance": "/v1/grades/c-9",
    },
    409: {
        "type": "urn:tierwise:problem:transition",
        "title": "This step cannot be taken",
        "detail": "The alert is resolved; it cannot be acknowledged.",
    },
    412: {
        "type": "urn:tierwise:problem:stale",
        "title": "The case has moved on",
        "detail": "The case is at version 4, not at 3.",
    },
    413: {"title": "Content Too Large", "detail": "The body has more than 65,536 bytes."},
    415: {
        "title": "Unsupported Media Type",
        "detail": "The body is declared as text/plain; send JSON with the header "
        "Content-Type: application/json.",
    },
    422: {
        "type": "urn:tierwise:problem:invalid-request",
        "title": "The request is not valid",
        "detail": "The request has 1 fault.",
        "errors": [
            {
                "detail": "Input should be a finite number",
                "pointer": "#/indicators/net_amount_90d",
            }
        ],
    },
    429: {
        "type": "urn:tierwise:problem:rate-limit",
        "title": "Too many requests",
        "detail": "Too many requests in too short a time.",
        "hint": "Wait as long as Retry-After says.",
        "context": {"retry_after": 1},
    },
    503: {
        "type": "urn:tierwise:problem:not-ready",
        "title": "The service is not ready",
        "detail": "No customers have been graded yet.",
    },
}
_MEANING = {
    400: "The body is no text, nested too deeply, or has a number of thousands of digits.",
    401: "Nobody is known to be asking: no key or session, or one that no longer holds.",
    403: "Whoever asks is known, and may not do this.",
    404: "There is no such thing.",
    409: "It cannot take this step from where it stands.",
    412: "It has changed since it was read.",
    413: "The body is larger than any this address takes.",
    415: "The body is not declared as JSON.",
    422: "The request is well-formed but wrong; `errors` lists every fault.",
    429: "Too many requests; `Retry-After` says for how long to wait.",
    503: "Not ready yet, or the store does not answer; try later.",
}
SCHEMES: dict[str, dict[str, str]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tw_<id>_<secret>",
        "description": "The key of a machine.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-tierwise",
        "description": "A person who signed in at /sign-in. A write also carries the session's "
        "token in the header X-CSRF-Token. Without https the cookie is called tierwise_session.",
    },
}
"""How the API is told who is asking."""
_SCHEMA = {"$ref": "#/components/schemas/Problem"}


_NONE = Dependant()


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses=`` of an endpoint that may answer with these problems."""
    return {
        status: {
            "description": _MEANING[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": _SCHEMA,
                    "example": {"type": "about:blank", "status": status, **_EXAMPLES[status]},
                }
            },
        }
        for status in statuses
    }


def describe(app: FastAPI) -> None:
    """Let the application write its OpenAPI file with the problem schema in it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= schema.pop("$defs", {})
            schemas["Problem"] = schema
            # FastAPI drops every null, also those that an example is there to show.
            schemas["Simulation"]["examples"] = SIMULATIONS
            schemas["SimulationFromEvents"]["examples"] = [event_examples.SIMULATION]
            schemas["SimulatedFromEvents"]["examples"] = [event_examples.ANSWER]
            schemas["Alert"]["examples"] = [ALERT]
            schemas["Grade"]["examples"] = [GRADE]
            schemas["Recovery"]["examples"] = [RECOVERY]
            schemas["ReviewDetail"]["examples"] = [REVIEW_DETAIL]
            schemas["Appeal"]["examples"] = [APPEAL]
            schemas["Key"]["examples"] = [KEY]
            schemas["Account"]["examples"] = [ACCOUNT]
            schemas["Export"]["examples"] = [EXPORT]
            schemas["History"]["examples"] = [HISTORY]
            schemas["Change"]["examples"] = [CHANGE]
            schemas["CanaryState"]["examples"] = [CANARY]
            schemas["Lift"]["examples"] = [LIFT]
            schemas["Outlook"]["examples"] = [OUTLOOK]
            schemas["Webhook"]["examples"] = [WEBHOOK]
            schemas["Delivery"]["examples"] = [DELIVERY]
            _guard(app, document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _guard(app: FastAPI, document: dict[str, Any]) -> None:
    """Write into the document who may ask what, from the guards of the routes themselves."""
    document["components"]["securitySchemes"] = SCHEMES
    for route in iter_route_contexts(app.routes):
        asked = [
            permission_of(each.call) for each in getattr(route, "dependant", _NONE).dependencies
        ]
        wanted = [permission for is_guard, permission in asked if is_guard]
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is None or not wanted:
                continue
            operation["security"] = [{name: []} for name in SCHEMES]
            operation["x-permissions"] = sorted({each.value for each in wanted if each})
            for status, answer in declared(401, 403, 429).items():
                operation["responses"].setdefault(str(status), answer)
