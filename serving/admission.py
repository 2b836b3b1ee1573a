"""What a request has to be before an endpoint looks at it: small, JSON, and only what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import InvalidRequestError, OverloadedError, RequestFault
from serving.problems import problem

MAX_BODY = 64 * 1024
"""Bytes of a request body; a what-if that names every indicator has about 3 KiB."""
FROM_EVENTS = "/v1/grades:simulateFromEvents"
LARGER: Mapping[str, int] = {FROM_EVENTS: 1024 * 1024}
"""Bytes of a request body at addresses that take more than `MAX_BODY`."""


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Queue:
    """Work that takes a processor for milliseconds: some at a time, some waiting, no more.

    Whoever would have to wait behind a full queue is told so at once, so that answers come
    soon or not at all, and the crowd that caused it is served as fast as ever.

    Parameters
    ----------
    workers
        Threads.
    waiting
        Pieces of work that may wait for one.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tierwise-work")
        self._most = workers + waiting
        self._taken = 0
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether there is no room now."""
        return self._taken >= self._most

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do a piece of work on a thread.

        Raises
        ------
        OverloadedError
            If there is no room for it.
        """
        self._admit()
        loop = asyncio.get_running_loop()
        begun = self._pool.submit(work, *args, **kwargs)
        # Not when the waiting ends: a client that left does not stop the thread.
        begun.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        return await asyncio.wrap_future(begun)

    async def run_here(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do a piece of work that takes no longer than handing it to a thread and back.

        One at a time, and between two of them everybody else is heard.

        Raises
        ------
        OverloadedError
            If there is no room for it.
        """
        self._admit()
        try:
            async with self._turn:
                await asyncio.sleep(0)
                return work(*args, **kwargs)
        finally:
            self._release()

    def _admit(self) -> None:
        if self.full:
            raise OverloadedError(
                "The service has more to do than it can in time.", hint="Try again in a second."
            )
        self._taken += 1

    def _release(self) -> None:
        self._taken -= 1


class BodyLimit:
    """ASGI middleware: refuses a body of more bytes than its address takes, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = LARGER.get(scope["path"], MAX_BODY)
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            response = problem(Request(scope), 413, detail=_too_large(limit))
            await response(scope, receive, send)
            return
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        await self._app(scope, counting, send)


class HeadAsGet:
    """ASGI middleware: answers HEAD as GET without the body (RFC 9110 wants both)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # In place, not on a copy: whoever measures outside reads the route from this scope.
        scope["method"] = "GET"
        try:
            await self._app(scope, receive, without_body)
        finally:
            scope["method"] = "HEAD"


async def json_only(request: Request) -> None:
    """Refuse a body that is not declared as JSON, instead of finding fault with its fields.

    Raises
    ------
    HTTPException
        415.
    """
    headers = request.headers
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    if kind or headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise HTTPException(
            415,
            f"The body is declared as {kind[:100] or 'nothing'}; "
            "send JSON with the header Content-Type: application/json.",
            {"Accept-Post": "application/json"},
        )


async def known_query(request: Request) -> None:
    """Refuse query parameters that the OpenAPI file does not list, or that come twice.

    A filter that is misspelt would otherwise answer with all customers.

    Raises
    ------
    InvalidRequestError
        Naming each of them.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    route: Any = request.scope["route"]
    operation = request.app.openapi()["paths"][route.path_format][request.method.lower()]
    known = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    listed = f"One of: {', '.join(known)}." if known else "There are none here."
    faults = [
        RequestFault(f"There is no such parameter. {listed}", parameter=name)
        for name in dict.fromkeys(given)
        if name not in known
    ] + [
        RequestFault("Given more than once.", parameter=name)
        for name in known
        if given.count(name) > 1
    ]
    if faults:
        raise InvalidRequestError("The query is not one of this address.", faults)


def _too_large(limit: int) -> str:
    return f"The body has more than {limit:,} bytes."
