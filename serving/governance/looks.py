"""Middleware that notes every look at customers, whoever answers it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.governance.reads import ReadLog
from serving.guard import permitted

LOOKS: Mapping[str, str] = {
    "/v1/grades": "list",
    "/v1/grades/{customer_id:path}": "grade",
    "/v1/grades/{customer_id:path}/explanation": "explanation",
    "/v1/grades/{customer_id:path}/lift": "lift",
    "/v1/grades/{customer_id:path}/outlook": "outlook",
    "/v1/grades/{customer_id:path}/change": "change",
    "/v1/grades/{customer_id:path}/history": "history",
    "/v1/grades:batchGet": "list",
    "/v1/grades:simulate": "simulation",
    "/v1/reviews": "list",
    "/v1/reviews/{case_id}": "review",
    "/v1/reviews/{case_id}/claim": "review",
    "/v1/reviews/{case_id}/release": "review",
    "/v1/reviews/{case_id}/votes": "review",
    "/v1/reviews/{case_id}/escalate": "review",
    "/v1/reviews/{case_id}/decide": "review",
    "/v1/reviews/{case_id}/close": "review",
    "/v1/overrides": "list",
    "/v1/overrides/{override_id}": "override",
    "/v1/overrides/{override_id}/revoke": "override",
    "/v1/appeals": "list",
    "/v1/appeals/{appeal_id}": "appeal",
    "/v1/alerts": "list",
    "/v1/alerts/{alert_id}": "alert",
    "/v1/alert-cases": "list",
    "/v1/recoveries": "list",
    "/v1/recoveries/{recovery_id}": "recovery",
    "/v1/recoveries/{recovery_id}/contact": "recovery",
    "/v1/recoveries/{recovery_id}/plan": "recovery",
    "/v1/audit/events": "events",
    "/v1/audit/events/{sequence}": "events",
    "/v1/audit/events/{sequence}/proof": "events",
    "/v1/exports/{export_id}/file": "export",
    "/": "list",
    "/reviews": "list",
    "/customers": "page",
    "/customers/{customer_id:path}": "page",
}
"""What a route shows of customers. Other routes show none; a test holds the list complete."""


def seen_customer(scope: Scope, customer_id: str | None) -> None:
    """Say which customer an answer is about, where the path does not."""
    scope.setdefault("state", {})["customer_seen"] = customer_id


def seen(request: Request, customers: int) -> None:
    """Say how many customers an answer shows (1 where nobody says)."""
    request.scope.setdefault("state", {})["customers_seen"] = customers


class Looks:
    """ASGI middleware: notes a look before the first byte of its answer leaves."""

    def __init__(self, app: ASGIApp, log: ReadLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                route = getattr(scope.get("route"), "path", "")
                if route in LOOKS:
                    self._note(scope, LOOKS[route])
            await send(message)

        await self._app(scope, receive, noting)

    def _note(self, scope: Scope, action: str) -> None:
        state = scope.get("state", {})
        self._log.note(
            permitted(scope),
            action,
            state.get("request_id", ""),
            customer_id=state.get("customer_seen")
            or scope.get("path_params", {}).get("customer_id"),
            customers=state.get("customers_seen", 1),
        )
