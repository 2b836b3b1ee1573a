"""What-ifs: read, graded and answered without a detour, where there is nothing odd about them.

What is the least unusual (another content type, an unknown indicator, a customer who is not
there, no room in the queue) goes to the endpoint, which says what is wrong with it. Both answer
by the same function.
"""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import TierwiseError
from serving.admission import MAX_BODY
from serving.api.schemas import MAX_VALUE
from serving.api.simulate import Asked, known, simulated
from serving.deps import Service
from serving.domain.access import Permission, Principal
from serving.domain.grade import Grade, Run
from serving.governance.looks import seen_customer
from serving.governance.masking import check_part
from serving.guard import permitted
from serving.store.standing import Mark
from serving.wire.representation import represented
from training.bundle import Bundle

PATH = "/v1/grades:simulate"
_ROUTE = SimpleNamespace(path=PATH, name="simulate")
_Value = Annotated[float, msgspec.Meta(ge=-MAX_VALUE, le=MAX_VALUE)]
HERE = 0.002
"""Seconds of explaining up to which it is not worth a thread: handing it there and back, and the
interpreter between two threads, take as long."""
AT_ONCE = 0.0005
"""Seconds of explaining up to which numbers alone are computed at once, as what is not explained:
nobody behind waits longer for them than for a page of texts."""
_KNOWN = 1_000
"""Customers whose present grades are remembered."""


class Question(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body; ``simulation_schemas.Simulation`` says what it means."""

    customer_id: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    indicators: dict[str, _Value | None] = {}
    explanation: bool | Literal["contributions"] = True


_read = msgspec.json.Decoder(Question).decode


class WhatIfs:
    """ASGI middleware: answers what-ifs that need nothing said about them.

    It stands outside what represents an answer and what remembers writes: a what-if is never
    repeated from memory, and it is represented by the same function without their turns.
    """

    def __init__(self, app: ASGIApp, *, parts: Service) -> None:
        self._app, self._parts = app, parts
        self._mark: Mark | None = None
        self._run: Run | None = None
        self._grades: OrderedDict[str, Grade] = OrderedDict()
        self._names: WeakKeyDictionary[Bundle, frozenset[str]] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != PATH or not _plain(scope):
            await self._app(scope, receive, send)
            return
        messages, body = await _whole(receive)
        answer = await self._answer(scope, body)
        if answer is None:
            await self._app(scope, _again(messages, receive), send)
            return
        scope["route"] = _ROUTE
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
        ]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        last = await represented(scope, start, {"type": "http.response.body", "body": answer})
        await send(start)
        await send(last)

    async def _answer(self, scope: Scope, body: bytes) -> bytes | None:
        """Return the answer, None where the endpoint has to say something."""
        try:
            question = _read(body)
            by = self._parts.sides.of_customer(question.customer_id)
            if not self._makes_sense(by.bundle, question):
                return None
            asked = Asked(question.customer_id, question.indicators, question.explanation)
            run, before = await self._known(asked.customer_id)
            seen_customer(scope, asked.customer_id)
            if before is not None:
                check_part(self._parts.governance, permitted(scope), "explanation", before.tier.id)
            if asked.explanation:
                queue = self._parts.queue
                # What the champion takes was timed; a canary may take longer.
                takes = self._parts.models.explaining
                if asked.explanation == "contributions" and takes <= AT_ONCE and not by.canary:
                    return simulated(by, run, before, asked)
                if takes <= HERE and not by.canary:
                    return await queue.run_here(simulated, by, run, before, asked)
                # Milliseconds: they would hold up everybody else's answers.
                return await queue.run(simulated, by, run, before, asked)
            return simulated(by, run, before, asked)
        except (msgspec.MsgspecError, TierwiseError, UnicodeError):
            return None

    def _makes_sense(self, bundle: Bundle, question: Question) -> bool:
        names = self._names.get(bundle)
        if names is None:
            names = self._names[bundle] = frozenset(bundle.columns)
        asked = question.customer_id is not None or bool(question.indicators)
        return asked and names.issuperset(question.indicators)

    async def _known(self, customer_id: str | None) -> tuple[Run, Grade | None]:
        """Return the served run and a customer's grade in it, from memory if nothing changed."""
        standing = self._parts.database.standing
        mark = standing.mark() or await run_in_threadpool(standing.look)
        if mark is None or mark != self._mark:
            self._mark, self._run = mark, None
            self._grades.clear()
        if self._run is not None and customer_id is None:
            return self._run, None
        before = self._grades.get(customer_id or "")
        if self._run is not None and before is not None:
            return self._run, before
        run, before = await run_in_threadpool(known, self._parts, customer_id)
        if mark is not None and mark == self._mark:
            self._run = run
            if customer_id is not None and before is not None:
                self._grades[customer_id] = before
                while len(self._grades) > _KNOWN:
                    self._grades.popitem(last=False)
        return run, before


def _plain(scope: Scope) -> bool:
    """Tell whether a request is a POST of so much JSON by somebody who may ask."""
    if scope["method"] != "POST" or scope["query_string"]:
        return False
    kind = length = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind += value
        elif name == b"content-length":
            length += value
    who: Principal | None = scope.get("state", {}).get("principal")
    return (
        kind == b"application/json"
        and length.isdigit()
        and int(length) <= MAX_BODY
        and who is not None
        and who.may(Permission.SIMULATE)
    )


async def _whole(receive: Receive) -> tuple[list[Message], bytes]:
    """Return the messages of a body and the body; one that was broken off is incomplete."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages, b"".join(each.get("body", b"") for each in messages)


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Return what gives the messages a second time, and then those that follow."""
    left = iter(messages)

    async def give() -> Message:
        return next(left, None) or await receive()

    return give
