"""Stored grades and explanations: given again as they were given, while nothing has changed.

The first answer comes from the store (`serving/lane/first_reads.py`) or from the endpoint; this
keeps its bytes. So an answer from here is what was said then, and what it costs is a look at the
store's mark and a dictionary.
"""

from __future__ import annotations

from time import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.domain.access import Permission, Principal
from serving.lane.answers import Answer, Answers
from serving.store.standing import Mark, Standing

ROUTES = frozenset({"read_grade", "read_explanation", "read_outlook"})
"""Names of the endpoints whose answers depend on the store and on who asks, and nothing else.

An outlook also takes a bundle: the one whose digest the stored grade names.
"""
CLOCK = 600.0
"""Seconds after which an answer is made anew though nothing says that it changed.

What changes by the clock alone says so (``passing``) and is not kept; this is for what forgot to.
Each answer has an instant of its own, so that they are not all made anew at once.
"""
_LONGEST = 2_000
_LENGTHS = (b"content-length", b"content-type")


class StoredAnswers:
    """ASGI middleware: answers from memory what was answered before.

    It stands inside whatever finds out who is asking, and outside what represents an answer
    (validators, compression), so that what is kept is ready to send. What an endpoint marked as
    ``passing`` changes by itself, as time goes by, and is not kept.
    """

    def __init__(self, app: ASGIApp, *, standing: Standing, answers: Answers) -> None:
        self._app, self._standing, self._answers = app, standing, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or not scope["path"].startswith("/v1/grades/")
        ):
            await self._app(scope, receive, send)
            return
        who: Principal | None = scope.get("state", {}).get("principal")
        if who is None:
            await self._app(scope, receive, send)
            return
        mark = self._standing.mark() or await run_in_threadpool(self._standing.look)
        key, known_tag = _key(scope, who)
        if mark is None or key is None or not who.may(Permission.GRADES_READ):
            await self._app(scope, receive, send)
            return
        found = self._answers.get(mark, key)
        if found is None:
            await self._keeping(mark, key, scope, receive, send)
        elif not known_tag:
            scope["route"], scope["path_params"] = found.route, found.parameters
            await send(
                {
                    "type": "http.response.start",
                    "status": found.status,
                    "headers": list(found.headers),
                }
            )
            await send({"type": "http.response.body", "body": found.body})
        elif known_tag == found.tag:
            scope["route"], scope["path_params"] = found.route, found.parameters
            headers = [each for each in found.headers if each[0] not in _LENGTHS]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            # Several tags, weak ones, or another: there is one place that compares them.
            await self._app(scope, receive, send)

    async def _keeping(
        self, mark: Mark, key: Any, scope: Scope, receive: Receive, send: Send
    ) -> None:
        start: Message | None = None

        async def noting(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif start is not None and not message.get("more_body", False):
                passing = scope.get("state", {}).get("passing", False)
                if start["status"] == 200 and _name(scope) in ROUTES and not passing:
                    headers = tuple((bytes(n).lower(), bytes(v)) for n, v in start["headers"])
                    answer = Answer(
                        status=200,
                        headers=headers,
                        body=bytes(message.get("body", b"")),
                        tag=next((value for name, value in headers if name == b"etag"), b""),
                        route=scope["route"],
                        parameters=scope["path_params"],
                    )
                    self._answers.keep(mark, key, answer)
            else:
                start = None  # in parts: those are for lists, not for one customer
            await send(message)

        await self._app(scope, receive, noting)


def _key(scope: Scope, who: Principal) -> tuple[Any, bytes]:
    """Return all that the answer depends on, None if it is too long; and the tag given."""
    encoding = tag = b""
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            encoding += value + b","
        elif name == b"if-none-match":
            tag = value
    query = scope["query_string"]
    if len(scope["path"]) + len(query) + len(encoding) > _LONGEST:
        return None, tag
    path = scope["path"]
    turn = int(time() / CLOCK + (hash(path) & 0xFFFF) / 0x10000)
    return (path, query, encoding, who.roles, who.permissions, turn), tag


def _name(scope: Scope) -> str:
    return getattr(scope.get("route"), "name", "")
