"""Grades and explanations that are not kept: read and answered without a detour.

FastAPI finds the endpoint among a hundred routes and makes what it depends on; both are known here,
and take as long as the store and the writing together. What is the least unusual (a parameter, a
slash, somebody who may not ask) goes to the endpoint. Both answer by the same functions, and refuse
in the same words.
"""

from __future__ import annotations

from types import SimpleNamespace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import TierwiseError
from serving.api.grades import explained, graded_now
from serving.deps import Service
from serving.domain.access import Permission, Principal
from serving.problems import respond

_BEFORE, _BEHIND = "/v1/grades/", "/explanation"
_GRADE = SimpleNamespace(path="/v1/grades/{customer_id:path}", name="read_grade")
_EXPLANATION = SimpleNamespace(path=f"{_GRADE.path}{_BEHIND}", name="read_explanation")


class FirstReads:
    """ASGI middleware: answers reads of one customer that need nothing said about them.

    It stands where the endpoints do: inside what keeps and represents their answers.
    """

    def __init__(self, app: ASGIApp, *, parts: Service) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        customer_id, route = asked
        scope["route"], scope["path_params"] = route, {"customer_id": customer_id}
        try:
            # One turn on a thread for everything that waits for the store.
            answer = await run_in_threadpool(self._answer, scope, *asked)
        except TierwiseError as error:
            await respond(Request(scope), error)(scope, receive, send)
            return
        headers = [
            (b"content-length", b"%d" % len(answer)),
            (b"content-type", b"application/json"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope: Scope, customer_id: str, route: SimpleNamespace) -> bytes:
        who: Principal = scope["state"]["principal"]
        if route is _EXPLANATION:
            return explained(self._parts, who, customer_id)
        answer, passing = graded_now(self._parts, who, customer_id)
        if passing:
            scope["state"]["passing"] = True
        return answer


def _asked(scope: Scope) -> tuple[str, SimpleNamespace] | None:
    """Return whom a request is about and which endpoint it is for, None if it is not plain."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    path: str = scope["path"]
    if not path.startswith(_BEFORE) or scope.get("root_path"):
        return None
    customer_id, route = path.removeprefix(_BEFORE), _GRADE
    if customer_id.endswith(_BEHIND):
        customer_id, route = customer_id.removesuffix(_BEHIND), _EXPLANATION
    who: Principal | None = scope.get("state", {}).get("principal")
    # With a slash it may be an address of another kind, such as a history; at a line break the
    # pattern of a route ends.
    plain = customer_id and "/" not in customer_id and "\n" not in customer_id
    if not plain or who is None or not who.may(Permission.GRADES_READ):
        return None
    return customer_id, route
